// Disks that fail: what is refused, what goes on, what heals, and what is there after reopening.

#include <cerrno>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/storage/faulty_store.h"

namespace kith::storage {
namespace {

using fault::Action;
using fault::Bit;
using fault::kAll;
using fault::Kind;
using fault::Operation;
using ::testing::HasSubstr;

// Writes until one is acknowledged: RocksDB may be about to resume by itself, and a commit in
// between is told to come again.
absl::Status WriteWhenHealed(FaultyStore& faulty) {
  absl::Status healed;
  for (int attempt = 0; attempt < 1000; ++attempt) {
    healed = faulty.Upsert("after", 50);
    if (!absl::IsResourceExhausted(healed)) break;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return healed;
}

TEST(FaultTest, AfterAFailedSyncTheStoreIsReadOnlyUntilItIsReopened) {
  FaultyStore faulty;
  for (uint64_t round = 0; round < 10; ++round) {
    ASSERT_OK(faulty.Open());
    ASSERT_OK(faulty.CheckAfterRestart());
    ASSERT_OK(faulty.Upsert("a", 10 + round));
    // Once, or for ever: it makes no difference.
    faulty.plan().Arm(Action::kFail, Bit(Operation::kSync), Bit(Kind::kLog), 0,
                      round % 2 == 0 ? 1 : UINT64_MAX, EIO);
    const absl::Status failed = faulty.Upsert("b", 20 + round);
    EXPECT_FAILS(failed, absl::StatusCode::kInternal, reason::kStorageError);
    EXPECT_EQ(faulty.plan().hits.load(), 1U);
    // The disk works again, but nobody knows what it holds.
    faulty.plan().Disarm();
    for (Durability durability : {Durability::kSynced, Durability::kApplied}) {
      const absl::Status refused = faulty.Upsert("c", 30, durability);
      EXPECT_FAILS(refused, absl::StatusCode::kFailedPrecondition, reason::kReadOnly);
      EXPECT_THAT(std::string(refused.message()), HasSubstr("Input/output error"));
    }
    EXPECT_TRUE(faulty.store().Stats()->read_only);
    EXPECT_OK(faulty.Check());  // reads go on, and see nothing of the failed commit
  }
}

// With and without rows in memory: RocksDB then begins a new log, or has to go on with the old one.
TEST(FaultTest, AFullDiskRefusesCommitsAndHealsWhenThereIsSpace) {
  FaultyStore faulty;
  for (bool fresh : {true, false}) {
    for (Operation operation : {Operation::kWrite, Operation::kSync}) {
      SCOPED_TRACE(fmt::format("fresh {} fault at {}", fresh, NameOf(operation)));
      ASSERT_OK(faulty.Open());
      ASSERT_OK(faulty.CheckAfterRestart());
      if (fresh) {
        ASSERT_OK(faulty.store().Flush());
      } else {
        ASSERT_OK(faulty.Upsert("before", 7));
      }
      faulty.plan().free_bytes.store(0);
      faulty.plan().Arm(Action::kFail, Bit(operation), kAll, 0, UINT64_MAX, ENOSPC);
      for (uint64_t i = 0; i < 3; ++i) {
        const absl::Status failed = faulty.Upsert("refused", 100 + i);
        EXPECT_FAILS(failed, absl::StatusCode::kResourceExhausted, reason::kDiskWatermark);
        EXPECT_GT(DetailsOf(failed).retry_after, absl::ZeroDuration());
      }
      EXPECT_GT(faulty.plan().hits.load(), 0U);
      EXPECT_OK(faulty.Check());
      faulty.plan().Disarm();
      faulty.plan().free_bytes.store(UINT64_MAX);
      ASSERT_OK(WriteWhenHealed(faulty));
      for (uint64_t i = 0; i < 20; ++i) {
        ASSERT_OK(faulty.Upsert(fmt::format("more{}", i), 60 + i));
      }
      EXPECT_OK(faulty.Check());
      EXPECT_FALSE(faulty.store().Stats()->read_only);
    }
  }
  ASSERT_OK(faulty.Open());
  EXPECT_OK(faulty.Check());
}

// At each kind of file by itself, while it is written: the log, tables and blob files of a flush,
// RocksDB's manifest.
TEST(FaultTest, NoSpaceForAnyKindOfFileHealsWithoutAReopening) {
  for (Kind kind : {Kind::kLog, Kind::kTable, Kind::kBlob, Kind::kManifest}) {
    SCOPED_TRACE(std::string(NameOf(kind)));
    FaultyStore faulty;
    ASSERT_OK(faulty.Open());
    for (uint64_t i = 0; i < 12; ++i) ASSERT_OK(faulty.Upsert(fmt::format("d{}", i), i));
    // That not even a log can be made is a case of its own: the next test.
    const uint32_t making = kind == Kind::kLog ? 0 : Bit(Operation::kCreate);
    faulty.plan().Arm(Action::kFail, making | Bit(Operation::kWrite), Bit(kind), 0, UINT64_MAX,
                      ENOSPC);
    const absl::Status flushed = faulty.store().Flush();
    const absl::Status written = faulty.Upsert("during", 1);
    EXPECT_GT(faulty.plan().hits.load(), 0U);
    for (const absl::Status& status : {flushed, written}) {
      EXPECT_TRUE(status.ok() || absl::IsResourceExhausted(status)) << status;
    }
    EXPECT_OK(faulty.Check());
    faulty.plan().Disarm();
    ASSERT_OK(WriteWhenHealed(faulty));
    ASSERT_OK(faulty.store().Flush());
    EXPECT_FALSE(faulty.store().Stats()->read_only);
    EXPECT_OK(faulty.Check());
    ASSERT_OK(faulty.Open());
    EXPECT_OK(faulty.Check());
  }
}

// RocksDB goes on after that only when it is opened again: the store says so, instead of asking for
// patience.
TEST(FaultTest, NoSpaceForANewLogMakesTheStoreReadOnlyUntilItIsReopened) {
  FaultyStore faulty;
  ASSERT_OK(faulty.Open());
  ASSERT_OK(faulty.Upsert("a", 1));
  faulty.plan().Arm(Action::kFail, Bit(Operation::kCreate), Bit(Kind::kLog), 0, UINT64_MAX, ENOSPC);
  EXPECT_FALSE(faulty.store().Flush().ok());
  EXPECT_GT(faulty.plan().hits.load(), 0U);
  EXPECT_FAILS(faulty.Upsert("b", 2), absl::StatusCode::kResourceExhausted, reason::kDiskWatermark);
  faulty.plan().Disarm();
  EXPECT_FAILS(faulty.Upsert("c", 3), absl::StatusCode::kFailedPrecondition, reason::kReadOnly);
  EXPECT_TRUE(faulty.store().Stats()->read_only);
  EXPECT_OK(faulty.Check());
  ASSERT_OK(faulty.Open());
  ASSERT_OK(faulty.CheckAfterRestart());
  ASSERT_OK(faulty.Upsert("c", 3));
  EXPECT_OK(faulty.Check());
}

TEST(FaultTest, TheDiskReserveIsForDeletesOnly) {
  FaultyStore faulty;
  faulty.set_disk_reserve(64 << 20);
  ASSERT_OK(faulty.Open());
  ASSERT_OK(faulty.Upsert("a", 1));
  ASSERT_OK(faulty.Upsert("b", 2));
  faulty.plan().free_bytes.store((64 << 20) - 1);
  const absl::Status refused = faulty.Upsert("c", 3);
  EXPECT_FAILS(refused, absl::StatusCode::kResourceExhausted, reason::kDiskWatermark);
  EXPECT_EQ(DetailsOf(refused).metadata["reserve_bytes"], std::to_string(64 << 20));
  ASSERT_OK(faulty.Delete("a"));
  EXPECT_OK(faulty.Check());
  EXPECT_FALSE(faulty.store().Stats()->read_only);
  faulty.plan().free_bytes.store((8 << 20) - 1);  // not even those
  EXPECT_FAILS(faulty.Delete("b"), absl::StatusCode::kResourceExhausted, reason::kDiskWatermark);
  faulty.plan().free_bytes.store(UINT64_MAX);
  ASSERT_OK(faulty.Upsert("c", 3));
  EXPECT_OK(faulty.Check());
}

// A read that fails, or ends early, is an error of that read: never a wrong or an empty answer.
TEST(FaultTest, ReadsThatFailAreErrorsAndLaterOnesSucceed) {
  FaultyStore faulty;
  ASSERT_OK(faulty.Open());
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 40; ++i) ASSERT_OK(faulty.WriteSomething(random));
  ASSERT_OK(faulty.store().Flush());
  for (Action action : {Action::kFail, Action::kShort}) {
    int failed = 0;
    for (uint64_t n = 0;; ++n) {
      ASSERT_OK(faulty.Open());  // nothing is cached
      faulty.plan().Arm(action, Bit(Operation::kRead), Bit(Kind::kTable) | Bit(Kind::kBlob), n, 1,
                        EIO);
      const absl::Status checked = faulty.Check();
      const bool happened = faulty.plan().hits.load() > 0;
      faulty.plan().Disarm();
      // A difference has no reason: what fails has.
      EXPECT_TRUE(checked.ok() || !DetailsOf(checked).reason.empty()) << checked;
      failed += !checked.ok();
      EXPECT_OK(faulty.Check());
      ASSERT_FALSE(HasFailure()) << "read " << n;
      if (!happened) break;
    }
    EXPECT_GT(failed, 5);
  }
}

TEST(FaultTest, ASlowDiskLosesNothing) {
  FaultyStore faulty;
  ASSERT_OK(faulty.Open());
  std::mt19937_64 random(TestSeed());
  faulty.plan().delay_us.store(2000);
  faulty.plan().Arm(Action::kDelay, kAll, kAll, /*after=*/9, /*count=*/0);  // each tenth call
  for (int i = 0; i < 100; ++i) ASSERT_OK(faulty.WriteSomething(random));
  EXPECT_GT(faulty.plan().hits.load(), 10U);
  EXPECT_OK(faulty.Check());
  faulty.plan().Disarm();
  ASSERT_OK(faulty.Open());
  EXPECT_OK(faulty.Check());
}

}  // namespace
}  // namespace kith::storage
