#include "server/engine/indexing/manifest_keeper.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "index/index_writer.h"
#include "kith/base/call.h"
#include "server/engine/services.h"
#include "storage/commit_batch.h"
#include "storage/store.h"
#include "tests/support/temp_folder.h"

namespace kith::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr storage::ShardNumber kShard = 7;
constexpr storage::SpaceNumber kSpace = 0;

void AddSegment(uint64_t id, storage::Ordinal begin, storage::Ordinal end,
                store::ManifestRecord* manifest) {
  store::SegmentRecord& segment = *manifest->add_segments();
  segment.set_id(id);
  segment.set_begin_ordinal(begin);
  segment.set_end_ordinal(end);
  manifest->set_next_segment_id(id + 1);
}

// A manifest whose two segments have no live row any more. Between them lie ordinals that are not
// in any segment yet.
class ManifestKeeperTest : public testing::Test {
 protected:
  ManifestKeeperTest() {
    auto store = storage::Store::Open({.data_dir = (folder.path() / "data").string()});
    KITH_CHECK(store.ok(), "a new folder opens");
    services = std::make_unique<Services>(DatabaseOptions(), *std::move(store), 1 << 26, 1);
    AddSegment(1, 0, 10, &manifest);
    AddSegment(2, 20, 30, &manifest);
    auto index = index::IndexWriter::Create({.dimension = 2});
    KITH_CHECK(index.ok(), "an index of two values can be made");
    empty.emplace((*index)->Publish());
  }
  ~ManifestKeeperTest() override { services->Stop(); }

  // The update and the deletion of one ordinal, in one commit.
  void Put(storage::Ordinal ordinal, storage::Sequence sequence) {
    storage::CommitBatch batch(*services->store);
    batch.Begin(kShard, sequence, hash);
    batch.PutUpdate(kSpace, ordinal, 1, "id");
    batch.PutTombstone(kSpace, ordinal, 1);
    store::ShardState state;
    state.set_sequence(sequence);
    state.set_running_hash(hash = batch.End());
    batch.PutShardState(kShard, state);
    const absl::Status done = services->store->Commit(batch, storage::Durability::kApplied);
    ASSERT_TRUE(done.ok()) << done;
  }

  std::vector<storage::Ordinal> Updates() {
    std::vector<storage::Ordinal> left;
    const absl::Status read = services->store->Latest().ScanUpdates(
        kShard, kSpace, 0, UINT64_MAX,
        [&](const storage::MetadataUpdate& row) {
          left.push_back(row.first);
          return true;
        },
        Call::Background());
    EXPECT_TRUE(read.ok()) << read;
    return left;
  }
  std::vector<storage::Ordinal> Tombstones() {
    std::vector<storage::Ordinal> left;
    const absl::Status read = services->store->Latest().ScanTombstones(
        kShard, kSpace, 0, UINT64_MAX,
        [&](const storage::Tombstone& row) {
          left.push_back(row.first);
          return true;
        },
        Call::Background());
    EXPECT_TRUE(read.ok()) << read;
    return left;
  }

  TempFolder folder;
  std::unique_ptr<Services> services;
  store::ManifestRecord manifest;
  std::optional<index::IndexView> empty;
  uint64_t hash = 0;
};

// Regression: a row between two segments that went was dropped while the build of the segment that
// will hold it was under way, from a View of before the row: at the next start that segment was
// loaded without it.
TEST_F(ManifestKeeperTest, WhatBuildsUnderWayHaveNotSeenIsKept) {
  Put(5, 1);
  Put(12, 2);
  Put(13, 3);
  Put(14, 4);
  Put(25, 5);
  ManifestKeeper keeper(services.get(), kShard, kSpace, manifest);
  ASSERT_TRUE(keeper.Follow(*empty, {}, /*keep_after=*/2).ok());
  EXPECT_THAT(Updates(), ElementsAre(13, 14, 25));
  EXPECT_THAT(Tombstones(), ElementsAre(13, 14, 25));
}

TEST_F(ManifestKeeperTest, WhatNoSegmentNeedsGoesOnceNothingIsBuilt) {
  Put(5, 1);
  Put(12, 2);
  Put(40, 3);
  ManifestKeeper keeper(services.get(), kShard, kSpace, manifest);
  ASSERT_TRUE(keeper.Follow(*empty, {}, UINT64_MAX).ok());
  EXPECT_THAT(Updates(), ElementsAre(40)) << "it lies beyond what changed";
  EXPECT_THAT(Tombstones(), ElementsAre(40));
  ASSERT_TRUE(keeper.FollowLoaded(*empty, 100).ok());
  EXPECT_THAT(Updates(), IsEmpty());
  EXPECT_THAT(Tombstones(), IsEmpty());
}

}  // namespace
}  // namespace kith::engine
