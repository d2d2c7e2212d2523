// The n-th call of the disk fails, for every n: opening, committing, flushing, compacting, writing
// a file, closing. Nothing acknowledged is lost, nothing crashes, and the folder opens again.

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <random>

#include "gtest/gtest.h"
#include "storage/atomic_file.h"
#include "tests/storage/faulty_store.h"

namespace kith::storage {
namespace {

using fault::Action;

// Each call with KITH_EVERY_CALL=1; else each seventh, from another one on each time.
uint64_t Stride() { return std::getenv("KITH_EVERY_CALL") != nullptr ? 1 : 7; }

class FailingCallsTest : public testing::Test {
 protected:
  // Everything that a store does, once. Errors are what this is about.
  static void UseStore(FaultyStore& faulty, std::mt19937_64& random) {
    if (!faulty.Open().ok()) return;
    bool failed = false;
    const auto write = [&] {
      const absl::Status status = faulty.WriteSomething(random);
      if (status.ok()) {
        // After a failure that is not a full disk nothing is acknowledged any more.
        EXPECT_FALSE(failed);
      } else if (!absl::IsResourceExhausted(status)) {
        failed = true;
      }
      // Reads go on whatever happened.
      EXPECT_OK(faulty.Check());
    };
    for (int i = 0; i < 4; ++i) write();
    faulty.store().Flush().IgnoreError();
    for (int i = 0; i < 4; ++i) write();
    faulty.store().Flush().IgnoreError();
    const SegmentFiles& segments = faulty.store().segments();
    if (segments.Prepare(FaultyStore::kShard).ok()) {
      const std::string path = segments.GraphPath(FaultyStore::kShard, 0, 1);
      const std::string content(100'000, 'g');
      const absl::Status written = WriteFileAtomically(path, content);
      const auto read = ReadFile(path, content.size());
      // Whole or absent; there if it was said to be.
      EXPECT_TRUE(read.ok() ? *read == content : !written.ok()) << written << read.status();
      segments.Remove(FaultyStore::kShard, 0, 1, 1).IgnoreError();
    }
    faulty.store().ReclaimShard(FaultyStore::kShard + 1, Call::Background()).IgnoreError();
    write();
    faulty.store().Close().IgnoreError();
  }

  // One round a call, until no call is left to fail. How many calls there were.
  static int FailEveryCall(uint64_t count, int error, uint32_t operations, uint64_t seed) {
    for (uint64_t n = seed % Stride();; n += Stride()) {
      SCOPED_TRACE(testing::Message() << "call " << n << ", error " << error);
      std::mt19937_64 random(seed);
      FaultyStore faulty;
      // An old folder in every second round, a new one in the others.
      if (n / Stride() % 2 == 0) {
        EXPECT_OK(faulty.Open());
        EXPECT_OK(faulty.WriteSomething(random));
        faulty.Close();
      }
      faulty.plan().Arm(Action::kFail, operations, fault::kAll, n, count, error);
      UseStore(faulty, random);
      const bool happened = faulty.plan().hits.load() > 0;
      faulty.CloseAndPowerOn();
      const absl::Status opened = faulty.Open();
      EXPECT_TRUE(opened.ok()) << opened;
      if (!opened.ok()) return 0;
      EXPECT_OK(faulty.CheckAfterRestart());
      EXPECT_OK(faulty.WriteSomething(random));
      EXPECT_OK(faulty.Check());
      if (testing::Test::HasFailure() || !happened) return static_cast<int>(n);
    }
  }
};

TEST_F(FailingCallsTest, EveryCallThatFailsOnceWithAnInputOutputError) {
  const int calls = FailEveryCall(1, EIO, fault::kChanges, TestSeed());
  EXPECT_GT(calls, 50);
  std::cout << calls << " calls failed once\n";
}

TEST_F(FailingCallsTest, EveryCallFromWhichOnTheDiskIsFull) {
  const uint32_t writes =
      fault::Bit(fault::Operation::kWrite) | fault::Bit(fault::Operation::kCreate) |
      fault::Bit(fault::Operation::kSync) | fault::Bit(fault::Operation::kMakeFolder);
  const int calls = FailEveryCall(UINT64_MAX, ENOSPC, writes, TestSeed());
  EXPECT_GT(calls, 30);
  std::cout << calls << " calls met a full disk\n";
}

TEST_F(FailingCallsTest, EveryCallFromWhichOnTheDiskIsReadOnly) {
  const int calls = FailEveryCall(UINT64_MAX, EROFS, fault::kChanges, TestSeed());
  EXPECT_GT(calls, 50);
  std::cout << calls << " calls met a read-only disk\n";
}

TEST_F(FailingCallsTest, EverySyncThatFails) {
  const uint32_t syncs =
      fault::Bit(fault::Operation::kSync) | fault::Bit(fault::Operation::kSyncFolder);
  for (const uint64_t count : {uint64_t{1}, UINT64_MAX}) {
    const int calls = FailEveryCall(count, EIO, syncs, TestSeed());
    EXPECT_GT(calls, 20);
    std::cout << calls << " syncs failed " << (count == 1 ? "once" : "from then on") << "\n";
  }
}

}  // namespace
}  // namespace kith::storage
