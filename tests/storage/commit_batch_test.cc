// The running hash, and what a batch refuses.

#include "storage/commit_batch.h"

#include <xxhash.h>

#include <algorithm>
#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/running_hash.h"
#include "tests/storage/test_support.h"

namespace kith::storage {
namespace {

using ::testing::HasSubstr;

store::DocumentRecord Document(Sequence sequence) {
  store::DocumentRecord record;
  record.set_sequence(sequence);
  return record;
}

store::PassageRecord Passage(const std::string& id) {
  store::PassageRecord record;
  record.set_document_id(id);
  return record;
}

class CommitBatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = Store::Open(SmallOptions(folder_.path()));
    ASSERT_OK(store);
    store_ = *std::move(store);
  }
  using Fill = std::function<void(CommitBatch&)>;
  uint64_t HashOf(const Fill& fill, ShardNumber shard = 1, Sequence sequence = 1,
                  uint64_t previous = 0) {
    CommitBatch batch(*store_);
    batch.Begin(shard, sequence, previous);
    fill(batch);
    const uint64_t hash = batch.End();
    EXPECT_OK(batch.status());
    return hash;
  }
  // A logical batch with `fill` and a right state row.
  absl::Status Commit(const Fill& fill) {
    CommitBatch batch(*store_);
    batch.Begin(1, 1, 0);
    fill(batch);
    store::ShardState state;
    state.set_sequence(1);
    state.set_running_hash(batch.End());
    batch.PutShardState(1, state);
    return store_->Commit(batch, Durability::kSynced);
  }

  TempFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(CommitBatchTest, TheRunningHashDiffersWithEveryDifference) {
  const std::vector<float> one = {1.0F, 2.0F};
  const std::vector<float> other = {1.0F, -2.0F};
  store::RequestRecord request;
  request.set_time_us(5);
  const std::vector<Fill> fills = {
      [](CommitBatch&) {},
      [](CommitBatch& b) { b.PutDocument("a", Document(1)); },
      [](CommitBatch& b) { b.PutDocument("b", Document(1)); },
      [](CommitBatch& b) { b.PutDocument("a", Document(2)); },
      [](CommitBatch& b) { b.DeleteDocument("a"); },
      [](CommitBatch& b) { b.PutDocument("a", Document(1)), b.PutDocument("b", Document(1)); },
      [](CommitBatch& b) { b.PutDocument("b", Document(1)), b.PutDocument("a", Document(1)); },
      [](CommitBatch& b) { b.PutText(1, "ab"); },
      [](CommitBatch& b) { b.PutText(1, "a"), b.PutText(2, "b"); },
      [](CommitBatch& b) { b.PutText(2, "ab"); },
      [](CommitBatch& b) { b.DeleteText(1, 2); },
      [](CommitBatch& b) { b.DeleteText(1, 3); },
      [](CommitBatch& b) { b.PutPassage(0, 1, Passage("a")); },
      [](CommitBatch& b) { b.PutPassage(1, 1, Passage("a")); },
      [&](CommitBatch& b) { b.PutVector(0, 1, 0, one); },
      [&](CommitBatch& b) { b.PutVector(0, 1, 1, one); },
      [&](CommitBatch& b) { b.PutVector(0, 1, 0, other); },
      [](CommitBatch& b) { b.DeletePassages(0, 1, 1); },
      [](CommitBatch& b) { b.DeletePassages(0, 1, 2); },
      [](CommitBatch& b) { b.PutTombstone(0, 1, 1); },
      [](CommitBatch& b) { b.PutUpdate(0, 1, 1, "d"); },
      [](CommitBatch& b) { b.PutUpdate(0, 1, 1, "e"); },
      [&](CommitBatch& b) { b.PutRequest("r", request); },
      [](CommitBatch& b) { b.ExpireRequest("r", 5); },
  };
  std::vector<uint64_t> hashes;
  for (const auto& fill : fills) {
    hashes.push_back(HashOf(fill));
    EXPECT_EQ(hashes.back(), HashOf(fill));  // and it is the same again
  }
  hashes.push_back(HashOf(fills[1], 2));        // another shard
  hashes.push_back(HashOf(fills[1], 1, 2));     // another sequence
  hashes.push_back(HashOf(fills[1], 1, 1, 7));  // another past
  std::sort(hashes.begin(), hashes.end());
  EXPECT_EQ(std::adjacent_find(hashes.begin(), hashes.end()), hashes.end());
}

TEST_F(CommitBatchTest, TheRunningHashDoesNotDependOnHowBatchesAreGrouped) {
  const Fill first = [](CommitBatch& b) { b.PutText(1, "one"); };
  const Fill second = [](CommitBatch& b) { b.DeleteDocument("x"); };
  const uint64_t apart = HashOf(second, 1, 2, HashOf(first));
  CommitBatch batch(*store_);
  batch.Begin(1, 1, 0);
  first(batch);
  const uint64_t between = batch.End();
  batch.Begin(9, 5, 77);  // another shard in the same batch
  first(batch);
  batch.End();
  batch.Begin(1, 2, between);
  second(batch);
  EXPECT_EQ(batch.End(), apart);
}

// Replicas of other versions must agree: these bytes are fixed in docs/formats/data-folder.md.
TEST(RunningHashTest, ItIsXxh3OfTheDocumentedBytes) {
  RunningHash hash;
  hash.Begin(0x0102030405060708, 9);
  hash.Add(Operation::kPut, Family::kVectors, "key", "va", "lue");
  const std::string bytes = std::string("\x08\x07\x06\x05\x04\x03\x02\x01", 8) +
                            std::string("\x09\0\0\0\0\0\0\0", 8) + "\x01\x04" +
                            std::string("\x03\0\0\0", 4) + "key" +
                            std::string("\x05\0\0\0\0\0\0\0", 8) + "value";
  EXPECT_EQ(hash.Digest(), XXH3_64bits(bytes.data(), bytes.size()));
}

TEST_F(CommitBatchTest, ABatchThatWasMadeWronglyIsRefusedWholeAndNothingElseChanges) {
  const std::string long_id(kDocumentIdBytesMax + 1, 'x');
  const struct {
    const char* what;
    Fill fill;
  } cases[] = {
      {"empty id", [](CommitBatch& b) { b.PutDocument("", Document(1)); }},
      {"long id", [&](CommitBatch& b) { b.PutDocument(long_id, Document(1)); }},
      {"sequence 0", [](CommitBatch& b) { b.PutDocument("a", Document(0)); }},
      {"text 0", [](CommitBatch& b) { b.PutText(0, "a"); }},
      {"no dimension", [](CommitBatch& b) { b.PutVector(0, 0, 0, {}); }},
      {"dimension", [](CommitBatch& b) { b.PutVector(0, 0, 0, std::vector<float>(65536)); }},
      {"passage without document", [](CommitBatch& b) { b.PutPassage(0, 0, Passage("")); }},
      {"ordinals overflow", [](CommitBatch& b) { b.DeletePassages(0, UINT64_MAX, 1); }},
      {"empty tombstone", [](CommitBatch& b) { b.PutTombstone(0, 0, 0); }},
      {"empty update", [](CommitBatch& b) { b.PutUpdate(0, 0, 0, "d"); }},
      {"update of no document", [](CommitBatch& b) { b.PutUpdate(0, 0, 1, ""); }},
      {"update overflows", [](CommitBatch& b) { b.PutUpdate(0, UINT64_MAX, 1, "d"); }},
      {"request id", [&](CommitBatch& b) { b.PutRequest(long_id, {}); }},
      {"Begin twice", [](CommitBatch& b) { b.Begin(2, 1, 0); }},
      {"drop of a written shard", [](CommitBatch& b) { b.DropShard(1); }},
      {"operation without kind", [](CommitBatch& b) { b.PutOperation("o", {}); }},
      {"model hash", [](CommitBatch& b) { b.PutModel("../x", {}); }},
      {"collection without name", [](CommitBatch& b) { b.PutCollection(1, {}); }},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    EXPECT_FAILS(Commit([&](CommitBatch& b) {
                   b.PutDocument("good", Document(1));
                   test.fill(b);
                 }),
                 absl::StatusCode::kInternal, reason::kInternal);
    EXPECT_FALSE(store_->Latest().GetDocument(1, "good").value().has_value());
  }
  EXPECT_OK(Commit([](CommitBatch& b) { b.PutDocument("good", Document(1)); }));
}

TEST_F(CommitBatchTest, AShardIsNotCommittedWithoutItsOwnState) {
  CommitBatch batch(*store_);
  const auto refused = [&](std::string_view why) {
    const absl::Status status = store_->Commit(batch, Durability::kSynced);
    EXPECT_FAILS(status, absl::StatusCode::kInternal, reason::kInternal);
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(why)));
    batch.Clear();
    EXPECT_OK(batch.status());
    EXPECT_TRUE(batch.empty());
  };
  batch.DeleteDocument("outside of a logical batch");
  refused("outside");
  batch.Begin(1, 1, 0);
  refused("without End");
  batch.Begin(1, 1, 0);
  batch.End();
  refused("state of shard 1 is missing");
  batch.Begin(1, 1, 0);
  batch.End();
  store::ShardState state;
  state.set_sequence(2);
  batch.PutShardState(1, state);
  refused("sequence 2");
  batch.Begin(1, 1, 0);
  batch.Begin(1, 3, batch.End());
  refused("does not follow");

  TempFolder other_folder;
  auto other = Store::Open(SmallOptions(other_folder.path()));
  ASSERT_OK(other);
  CommitBatch foreign(**other);
  foreign.DeleteOperation("o");
  EXPECT_FAILS(store_->Commit(foreign, Durability::kSynced), absl::StatusCode::kInternal,
               reason::kInternal);
}

TEST_F(CommitBatchTest, ABatchCanBeUsedAgainAfterClear) {
  CommitBatch batch(*store_);
  EXPECT_OK(store_->Commit(batch, Durability::kSynced));  // empty: nothing to do
  for (Sequence sequence = 1; sequence <= 3; ++sequence) {
    batch.Clear();
    batch.Begin(1, sequence, sequence - 1);
    batch.PutDocument(fmt::format("d{}", sequence), Document(sequence));
    store::ShardState state;
    state.set_sequence(sequence);
    state.set_running_hash(batch.End());
    batch.PutShardState(1, state);
    EXPECT_GT(batch.size_bytes(), 0U);
    ASSERT_OK(store_->Commit(batch, Durability::kApplied));
  }
  EXPECT_EQ(store_->Latest().ListDocuments(1, "", 9, "", Call::Background())->size(), 3U);
  EXPECT_EQ(store_->LoadCatalog()->shards.at(1).sequence(), 3U);
}

}  // namespace
}  // namespace kith::storage
