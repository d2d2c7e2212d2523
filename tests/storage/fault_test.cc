// Writes that fail: what is refused, what goes on, what heals, and what is there after reopening.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/keys.h"
#include "tests/storage/fault_env.h"
#include "tests/storage/test_support.h"

namespace kith::storage {
namespace {

using ::testing::HasSubstr;
using Fault = FaultFileSystem::Fault;

constexpr ShardNumber kShard = 1;

class FaultTest : public ::testing::Test {
 protected:
  void Reopen() {
    shard_.reset();
    store_.reset();
    StoreOptions options = SmallOptions(folder_.path());
    options.env = fault_.env.get();
    options.disk_reserve_bytes = disk_reserve_bytes_;
    auto store = Store::Open(options);
    ASSERT_OK(store);
    store_ = *std::move(store);
    auto shard = TestShard::Load(*store_, kShard);
    ASSERT_OK(shard);
    shard_ = std::make_unique<TestShard>(*std::move(shard));
  }
  absl::Status Upsert(const std::string& id, uint64_t seed,
                      Durability durability = Durability::kSynced) {
    const absl::Status status = shard_->Upsert(id, seed, durability);
    if (status.ok()) expected_[id] = seed;
    return status;
  }
  void ExpectAllThere() {
    EXPECT_OK(CheckShard(store_->Latest(), shard_->state(), kShard, expected_));
  }

  TempFolder folder_;
  FaultEnv fault_;
  uint64_t disk_reserve_bytes_ = 0;
  std::unique_ptr<Store> store_;
  std::unique_ptr<TestShard> shard_;
  ExpectedDocuments expected_;
};

TEST_F(FaultTest, AfterAFailedSyncTheStoreIsReadOnlyUntilItIsReopened) {
  for (int round = 0; round < 5; ++round) {
    Reopen();
    ExpectAllThere();
    ASSERT_OK(Upsert("a", 10 + static_cast<uint64_t>(round)));
    const int before = fault_.files->hits();
    fault_.files->Set(Fault::kSyncFails, ".log");
    const absl::Status failed = Upsert("b", 20 + static_cast<uint64_t>(round));
    EXPECT_FAILS(failed, absl::StatusCode::kInternal, reason::kStorageError);
    EXPECT_GT(fault_.files->hits(), before);
    // The disk works again, but nobody knows what it holds.
    fault_.files->Set(Fault::kNone, "");
    for (Durability durability : {Durability::kSynced, Durability::kApplied}) {
      const absl::Status refused = Upsert("c", 30, durability);
      EXPECT_FAILS(refused, absl::StatusCode::kFailedPrecondition, reason::kReadOnly);
      EXPECT_THAT(std::string(refused.message()), HasSubstr("failed to sync"));
    }
    EXPECT_TRUE(store_->Stats()->read_only);
    ExpectAllThere();  // reads go on, and see nothing of the failed commit
    Reopen();
    // Unknown means whole or absent.
    if (store_->Latest().GetDocument(kShard, "b").value().has_value()) {
      expected_["b"] = 20 + static_cast<uint64_t>(round);
    }
    ExpectAllThere();
    ASSERT_OK(shard_->Delete("b"));
    expected_.erase("b");
    ASSERT_OK(Upsert("c", 40 + static_cast<uint64_t>(round)));
  }
}

// With and without rows in memory: RocksDB then begins a new log, or has to go on with the old one.
TEST_F(FaultTest, AFullDiskRefusesCommitsAndHealsWhenThereIsSpace) {
  for (bool fresh : {true, false}) {
    for (Fault fault : {Fault::kNoSpace, Fault::kNoSpaceOnSync}) {
      SCOPED_TRACE(fmt::format("fresh {} fault {}", fresh, static_cast<int>(fault)));
      Reopen();
      ExpectAllThere();
      if (fresh) {
        ASSERT_OK(store_->Flush());
      } else {
        ASSERT_OK(Upsert("before", 7));
      }
      const int before = fault_.files->hits();
      fault_.files->Set(fault, "");
      for (int i = 0; i < 3; ++i) {
        const absl::Status failed = Upsert("refused", 100 + i);
        EXPECT_FAILS(failed, absl::StatusCode::kResourceExhausted, reason::kDiskWatermark);
        EXPECT_GT(DetailsOf(failed).retry_after, absl::ZeroDuration());
      }
      EXPECT_GT(fault_.files->hits(), before);
      ExpectAllThere();
      fault_.files->Set(Fault::kNone, "");
      absl::Status healed;
      // RocksDB may be about to resume by itself: a commit in between is told to come again.
      for (int attempt = 0; attempt < 1000; ++attempt) {
        healed = Upsert("after", 50);
        if (!absl::IsResourceExhausted(healed)) break;
        absl::SleepFor(absl::Milliseconds(10));
      }
      ASSERT_OK(healed);
      for (uint64_t i = 0; i < 20; ++i) ASSERT_OK(Upsert(fmt::format("more{}", i), 60 + i));
      ExpectAllThere();
      EXPECT_FALSE(store_->Stats()->read_only);
      Reopen();
      ExpectAllThere();
      EXPECT_FALSE(store_->Latest().GetDocument(kShard, "refused").value().has_value());
    }
  }
}

TEST_F(FaultTest, TheDiskReserveIsForDeletesOnly) {
  Reopen();
  ASSERT_OK(Upsert("a", 1));
  ASSERT_OK(Upsert("b", 2));
  const uint64_t free = store_->Stats()->disk_free_bytes;
  disk_reserve_bytes_ = free * 2;  // deletes may use all but an eighth of it
  Reopen();
  const absl::Status refused = Upsert("c", 3);
  EXPECT_FAILS(refused, absl::StatusCode::kResourceExhausted, reason::kDiskWatermark);
  EXPECT_EQ(DetailsOf(refused).metadata["reserve_bytes"], std::to_string(free * 2));
  ASSERT_OK(shard_->Delete("a"));
  expected_.erase("a");
  ExpectAllThere();
  EXPECT_FALSE(store_->Stats()->read_only);

  disk_reserve_bytes_ = UINT64_MAX;  // not even those
  Reopen();
  EXPECT_FAILS(shard_->Delete("b"), absl::StatusCode::kResourceExhausted, reason::kDiskWatermark);
  disk_reserve_bytes_ = 0;
  Reopen();
  ASSERT_OK(Upsert("c", 3));
  ExpectAllThere();
}

}  // namespace
}  // namespace kith::storage
