// What is committed is read back: rows, texts, scans, snapshots, reopening, dropping.

#include "storage/store.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/keys.h"
#include "tests/storage/test_support.h"

namespace kith::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr ShardNumber kShard = 7;

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen() {
    store_.reset();
    auto store = Store::Open(SmallOptions(folder_.path()));
    ASSERT_OK(store);
    store_ = *std::move(store);
  }

  // One logical batch that `fill` fills, and a state row for it.
  template <typename Fill>
  absl::Status Write(const Fill& fill) {
    CommitBatch batch(*store_);
    batch.Begin(kShard, state_.sequence() + 1, state_.running_hash());
    fill(batch);
    state_.set_running_hash(batch.End());
    state_.set_sequence(state_.sequence() + 1);
    batch.PutShardState(kShard, state_);
    return store_->Commit(batch, Durability::kSynced);
  }

  TempFolder folder_;
  std::unique_ptr<Store> store_;
  store::ShardState state_;
};

store::DocumentRecord Document(Sequence sequence) {
  store::DocumentRecord record;
  record.set_sequence(sequence);
  return record;
}

TEST_F(StoreTest, TextIsReadByAnyRangeAroundEveryBlockBoundary) {
  constexpr uint64_t kBlock = kTextBlockBytes;
  const std::vector<uint64_t> sizes = {1,          2,          kBlock - 1,     kBlock,
                                       kBlock + 1, 2 * kBlock, 2 * kBlock + 1, 5 * kBlock - 1};
  for (size_t i = 0; i < sizes.size(); ++i) {
    std::string text(sizes[i], '\0');
    std::mt19937 random(static_cast<unsigned>(i));
    for (char& c : text) c = static_cast<char>(random());
    const TextId id = i + 1;
    ASSERT_OK(Write([&](CommitBatch& batch) { batch.PutText(id, text); }));
    std::vector<uint64_t> edges = {0, text.size()};
    for (uint64_t edge = 0; edge <= text.size(); edge += kBlock) {
      for (uint64_t at : {edge - 1, edge, edge + 1}) {
        if (at <= text.size()) edges.push_back(at);
      }
    }
    for (uint64_t begin : edges) {
      for (uint64_t end : edges) {
        if (begin > end) continue;
        const auto read = store_->Latest().ReadText(kShard, id, begin, end);
        ASSERT_OK(read);
        EXPECT_EQ(*read, text.substr(begin, end - begin)) << begin << ".." << end;
      }
    }
    // One byte past the end is not there, and is not made up.
    EXPECT_FAILS(store_->Latest().ReadText(kShard, id, 0, text.size() + 1),
                 absl::StatusCode::kDataLoss, reason::kCorruption);
    ASSERT_OK(Write([&](CommitBatch& batch) { batch.DeleteText(id, text.size()); }));
    EXPECT_FAILS(store_->Latest().ReadText(kShard, id, text.size() - 1, text.size()),
                 absl::StatusCode::kDataLoss, reason::kCorruption);
  }
}

TEST_F(StoreTest, DocumentsComeBackInTheOrderAskedAndTheMissingAreEmpty) {
  ASSERT_OK(Write([&](CommitBatch& batch) {
    batch.PutDocument("b", Document(1));
    batch.PutDocument("a", Document(2));
    batch.PutDocument(std::string(kDocumentIdBytesMax, 'x'), Document(3));
  }));
  const std::string longest(kDocumentIdBytesMax, 'x');
  const std::vector<std::string_view> ids = {"a", "nobody", longest, "b", "a"};
  const auto documents = store_->Latest().GetDocuments(kShard, ids);
  ASSERT_OK(documents);
  ASSERT_EQ(documents->size(), 5U);
  EXPECT_EQ((*documents)[0]->sequence(), 2U);
  EXPECT_FALSE((*documents)[1].has_value());
  EXPECT_EQ((*documents)[2]->sequence(), 3U);
  EXPECT_EQ((*documents)[3]->sequence(), 1U);
  EXPECT_EQ((*documents)[4]->sequence(), 2U);
  // Another shard has none of them.
  EXPECT_FALSE(store_->Latest().GetDocument(kShard + 1, "a").value().has_value());
}

TEST_F(StoreTest, ListingPagesThroughAllDocumentsOfItsShardAndPrefix) {
  std::vector<std::string> ids;
  for (const char* id : {"a", "a\x01", "aa", "ab", "b", "ba", "\xc3\xa9", "\xff"}) {
    ids.push_back(id);
  }
  ids.push_back(std::string("a\0", 2));
  std::sort(ids.begin(), ids.end());
  ASSERT_OK(Write([&](CommitBatch& batch) {
    for (const auto& id : ids) batch.PutDocument(id, Document(1));
  }));
  for (const std::string prefix : {"", "a", "aa", "b", "c", "\xff"}) {
    std::vector<std::string> expected;
    for (const auto& id : ids) {
      if (id.starts_with(prefix)) expected.push_back(id);
    }
    for (size_t page_size : {1, 2, 3, 100}) {
      std::vector<std::string> seen;
      for (;;) {
        const auto page = store_->Latest().ListDocuments(kShard, seen.empty() ? "" : seen.back(),
                                                         page_size, prefix, Call::Background());
        ASSERT_OK(page);
        EXPECT_LE(page->size(), page_size);
        for (const auto& document : *page) seen.push_back(document.id);
        if (page->size() < page_size) break;
      }
      EXPECT_EQ(seen, expected) << "prefix " << prefix << ", pages of " << page_size;
    }
  }
}

TEST_F(StoreTest, VectorsComeBackBitForBit) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> odd = {0.0F, -0.0F, 1e-45F, 3e38F, nan, -1.5F};
  ASSERT_OK(Write([&](CommitBatch& batch) { batch.PutVector(3, 10, 4, odd); }));
  const std::vector<Ordinal> ordinals = {9, 10};
  const auto rows = store_->Latest().GetVectors(kShard, 3, 6, ordinals);
  ASSERT_OK(rows);
  EXPECT_FALSE((*rows)[0].has_value());
  ASSERT_TRUE((*rows)[1].has_value());
  EXPECT_EQ((*rows)[1]->passage_index, 4U);
  EXPECT_EQ(0, memcmp((*rows)[1]->values.data(), odd.data(), odd.size() * sizeof(float)));
}

TEST_F(StoreTest, AVectorOfAnotherDimensionIsDataLossThatNamesIt) {
  ASSERT_OK(
      Write([&](CommitBatch& batch) { batch.PutVector(0, 5, 0, std::vector<float>(8, 1.0F)); }));
  const std::vector<Ordinal> ordinals = {5};
  for (uint32_t dimension : {1, 7, 9}) {
    const auto status = store_->Latest().GetVectors(kShard, 0, dimension, ordinals).status();
    EXPECT_FAILS(status, absl::StatusCode::kDataLoss, reason::kCorruption);
    EXPECT_THAT(std::string(status.message()), HasSubstr("ordinal 5"));
    EXPECT_FAILS(
        store_->Latest().ScanVectors(
            kShard, 0, dimension, 0, 100,
            [](Ordinal, uint32_t, std::span<const float>) { return true; }, Call::Background()),
        absl::StatusCode::kDataLoss, reason::kCorruption);
  }
}

TEST_F(StoreTest, ScansRiseStayInTheirRangeAndStopWhenToldTo) {
  const std::vector<float> one = {1.0F};
  const std::vector<Ordinal> ordinals = {0, 1, 255, 256, 65536, uint64_t{1} << 32, UINT64_MAX - 1};
  ASSERT_OK(Write([&](CommitBatch& batch) {
    for (Ordinal ordinal : ordinals) {
      batch.PutVector(1, ordinal, 0, one);
      batch.PutVector(0, ordinal, 0, one);
      batch.PutVector(2, ordinal, 0, one);
    }
  }));
  const auto scan = [&](Ordinal begin, Ordinal end, size_t stop_after) {
    std::vector<Ordinal> seen;
    EXPECT_OK(store_->Latest().ScanVectors(
        kShard, 1, 1, begin, end,
        [&](Ordinal ordinal, uint32_t, std::span<const float> values) {
          EXPECT_EQ(values.size(), 1U);
          seen.push_back(ordinal);
          return seen.size() < stop_after;
        },
        Call::Background()));
    return seen;
  };
  EXPECT_EQ(scan(0, UINT64_MAX, 100), ordinals);
  EXPECT_THAT(scan(1, 256, 100), ElementsAre(1, 255));
  EXPECT_THAT(scan(2, UINT64_MAX, 2), ElementsAre(255, 256));
  EXPECT_THAT(scan(256, 256, 100), ElementsAre());
  EXPECT_THAT(scan(300, 200, 100), ElementsAre());
}

TEST_F(StoreTest, ScansEndWhenTheCallDoes) {
  ASSERT_OK(Write([&](CommitBatch& batch) {
    batch.PutVector(0, 1, 0, std::vector<float>{1.0F});
    batch.PutDocument("a", Document(1));
  }));
  Call call;
  call.Cancel();
  EXPECT_FAILS(store_->Latest().ListDocuments(kShard, "", 10, "", call),
               absl::StatusCode::kCancelled, reason::kCancelled);
  EXPECT_FAILS(store_->Latest().ScanVectors(
                   kShard, 0, 1, 0, 10,
                   [](Ordinal, uint32_t, std::span<const float>) { return true; }, call),
               absl::StatusCode::kCancelled, reason::kCancelled);
}

TEST_F(StoreTest, ASnapshotSeesItsMomentWhateverHappensLater) {
  auto shard = TestShard::Load(*store_, kShard);
  ASSERT_OK(shard);
  ExpectedDocuments expected;
  for (uint64_t i = 0; i < 20; ++i) {
    expected[fmt::format("d{}", i)] = i;
    ASSERT_OK(shard->Upsert(fmt::format("d{}", i), i));
  }
  const Reader before(store_->TakeSnapshot());
  const store::ShardState state = shard->state();
  for (uint64_t i = 0; i < 20; ++i) {
    if (i % 3 == 0) {
      ASSERT_OK(shard->Delete(fmt::format("d{}", i)));
    } else {
      ASSERT_OK(shard->Upsert(fmt::format("d{}", i), i + 1000));
    }
  }
  ASSERT_OK(store_->Flush());
  EXPECT_OK(CheckShard(before, state, kShard, expected));
  CommitBatch drop(*store_);
  drop.DropShard(kShard);
  ASSERT_OK(store_->Commit(drop, Durability::kSynced));
  EXPECT_OK(CheckShard(before, state, kShard, expected));
  EXPECT_FALSE(store_->Latest().GetDocument(kShard, "d1").value().has_value());
}

TEST_F(StoreTest, ASnapshotOutlivesItsStoreAndHoldsTheFolderUntilItIsReleased) {
  ASSERT_OK(Write([&](CommitBatch& batch) { batch.PutDocument("a", Document(1)); }));
  auto reader = std::make_unique<Reader>(store_->TakeSnapshot());
  ASSERT_OK(store_->Close());
  store_.reset();
  EXPECT_EQ(reader->GetDocument(kShard, "a").value()->sequence(), 1U);
  EXPECT_FAILS(Store::Open(SmallOptions(folder_.path())), absl::StatusCode::kFailedPrecondition,
               reason::kDataFolderInUse);
  reader.reset();
  Reopen();
}

TEST_F(StoreTest, CacheOnlyReadsSayThatTheyMissAndFindWhatWasRead) {
  const std::string text(3 * kTextBlockBytes, 't');
  store::DocumentRecord large = Document(1);
  large.set_content_hash(std::string(10'000, 'h'));  // into a blob file
  const std::vector<Ordinal> ordinals = {1};
  ASSERT_OK(Write([&](CommitBatch& batch) {
    batch.PutDocument("small", Document(1));
    batch.PutDocument("large", large);
    batch.PutText(1, text);
    store::PassageRecord passage;
    passage.set_document_id("small");
    batch.PutPassage(0, 1, passage);
    batch.PutVector(0, 1, 0, std::vector<float>(4, 1.0F));
  }));
  ASSERT_OK(store_->Flush());
  Reopen();
  const Reader disk = store_->Latest();
  const Reader cache = disk.CacheOnly();
  const std::vector<std::string_view> ids = {"small", "large"};
  EXPECT_TRUE(Reader::IsNotCached(cache.GetDocument(kShard, "small").status()));
  EXPECT_TRUE(Reader::IsNotCached(cache.GetDocument(kShard, "large").status()));
  EXPECT_TRUE(Reader::IsNotCached(cache.GetDocuments(kShard, ids).status()));
  EXPECT_TRUE(Reader::IsNotCached(cache.ReadText(kShard, 1, 0, text.size()).status()));
  EXPECT_TRUE(Reader::IsNotCached(cache.GetPassages(kShard, 0, ordinals).status()));
  EXPECT_TRUE(Reader::IsNotCached(cache.GetVectors(kShard, 0, 4, ordinals).status()));

  ASSERT_OK(disk.GetDocuments(kShard, ids));
  ASSERT_OK(disk.ReadText(kShard, 1, 0, text.size()));
  ASSERT_OK(disk.GetPassages(kShard, 0, ordinals));
  ASSERT_OK(disk.GetVectors(kShard, 0, 4, ordinals));

  EXPECT_OK(cache.GetDocument(kShard, "small"));
  EXPECT_EQ(cache.GetDocument(kShard, "large").value()->content_hash().size(), 10'000U);
  EXPECT_OK(cache.GetDocuments(kShard, ids));
  EXPECT_EQ(cache.ReadText(kShard, 1, 5, text.size()).value(), text.substr(5));
  EXPECT_OK(cache.GetPassages(kShard, 0, ordinals));
  EXPECT_OK(cache.GetVectors(kShard, 0, 4, ordinals));
  // A real failure is not taken for a miss.
  EXPECT_FALSE(Reader::IsNotCached(cache.ReadText(kShard, 1, 0, text.size() + 1).status()) &&
               Reader::IsNotCached(disk.ReadText(kShard, 1, 0, text.size() + 1).status()));
}

TEST_F(StoreTest, RequestsAreFoundByIdAndExpireInTheOrderOfTime) {
  const auto request = [](int64_t time) {
    store::RequestRecord record;
    record.set_time_us(time);
    record.set_answer(std::to_string(time));
    return record;
  };
  ASSERT_OK(Write([&](CommitBatch& batch) {
    for (int64_t time : {300, 100, 200, 1 << 20, 0}) {
      batch.PutRequest(fmt::format("r{}", time), request(time));
    }
    batch.PutRequest("q100", request(100));
  }));
  EXPECT_EQ(store_->Latest().GetRequest(kShard, "r200").value()->answer(), "200");
  EXPECT_FALSE(store_->Latest().GetRequest(kShard, "r201").value().has_value());
  EXPECT_FALSE(store_->Latest().GetRequest(kShard + 1, "r200").value().has_value());
  const auto names = [&](int64_t from, int64_t before, size_t limit) {
    std::vector<std::string> names;
    const auto entries =
        store_->Latest().ListRequestsByTime(kShard, from, before, limit, Call::Background());
    EXPECT_OK(entries);
    for (const auto& entry : *entries) {
      names.push_back(fmt::format("{}@{}", entry.request_id, entry.time_us));
    }
    return names;
  };
  EXPECT_THAT(names(0, INT64_MAX, 100), ElementsAre("r0@0", "q100@100", "r100@100", "r200@200",
                                                    "r300@300", "r1048576@1048576"));
  EXPECT_THAT(names(0, 200, 100), ElementsAre("r0@0", "q100@100", "r100@100"));
  EXPECT_THAT(names(100, 301, 3), ElementsAre("q100@100", "r100@100", "r200@200"));
  EXPECT_THAT(names(-5, 0, 100), ElementsAre());

  ASSERT_OK(Write([&](CommitBatch& batch) {
    batch.ExpireRequest("r0", 0);
    batch.ExpireRequest("q100", 100);
  }));
  EXPECT_FALSE(store_->Latest().GetRequest(kShard, "q100").value().has_value());
  EXPECT_THAT(names(0, 201, 100), ElementsAre("r100@100", "r200@200"));
}

TEST_F(StoreTest, TheCatalogIsReadBackWhole) {
  store::CollectionRecord collection;
  collection.set_name("papers");
  collection.set_state(store::COLLECTION_STATE_ACTIVE);
  store::VectorSpaceRecord& space = *collection.add_spaces();
  space.set_name("default");
  space.set_dimension(384);
  space.set_metric(store::METRIC_COSINE);
  space.mutable_encoder()->set_artifact_hash("0123456789abcdef");
  store::ShardRef& shard = *collection.add_shards();
  shard.set_number(3);
  shard.set_uuid(std::string(16, 'u'));
  store::FieldRegistry registry;
  store::FieldRecord& field = *registry.add_fields();
  field.set_name("year");
  field.set_type(store::FIELD_TYPE_INT64);
  store::ModelRecord model;
  model.add_files()->set_name("config.json");
  store::OperationRecord operation;
  operation.set_kind("drop_collection");
  operation.set_state(store::OPERATION_STATE_RUNNING);
  store::ShardState state;
  state.set_sequence(5);
  state.set_live_documents(4);

  const auto before = store_->LoadCatalog();
  ASSERT_OK(before);
  store::ServerRecord server = before->server;
  EXPECT_EQ(server.epoch(), 1U);
  EXPECT_EQ(server.next_collection_number(), 1U);
  server.set_next_collection_number(9);

  // Batches keep the database open: the one that is reused is gone before the reopening.
  auto batch_owner = std::make_unique<CommitBatch>(*store_);
  CommitBatch& batch = *batch_owner;
  batch.PutServer(server);
  batch.PutCollection(2, collection);
  batch.PutFieldRegistry(2, registry);
  batch.PutShardState(3, state);
  batch.PutModel("0123456789abcdef", model);
  batch.PutOperation("op1", operation);
  ASSERT_OK(store_->Commit(batch, Durability::kSynced));
  const Uuid uuid = store_->uuid();
  batch_owner.reset();
  Reopen();
  EXPECT_EQ(store_->uuid(), uuid);
  EXPECT_EQ(store_->epoch(), 2U);

  const auto catalog = store_->LoadCatalog();
  ASSERT_OK(catalog);
  EXPECT_EQ(catalog->server.epoch(), 2U);
  EXPECT_EQ(catalog->server.next_collection_number(), 9U);
  ASSERT_EQ(catalog->collections.size(), 1U);
  EXPECT_EQ(catalog->collections.at(2).SerializeAsString(), collection.SerializeAsString());
  EXPECT_EQ(catalog->field_registries.at(2).SerializeAsString(), registry.SerializeAsString());
  EXPECT_EQ(catalog->shards.at(3).SerializeAsString(), state.SerializeAsString());
  EXPECT_EQ(catalog->models.at("0123456789abcdef").SerializeAsString(), model.SerializeAsString());
  EXPECT_EQ(catalog->operations.at("op1").SerializeAsString(), operation.SerializeAsString());

  CommitBatch remove(*store_);
  remove.DeleteCollection(2);
  remove.DropShard(3);
  remove.DeleteModel("0123456789abcdef");
  remove.DeleteOperation("op1");
  ASSERT_OK(store_->Commit(remove, Durability::kSynced));
  const auto empty = store_->LoadCatalog();
  ASSERT_OK(empty);
  EXPECT_TRUE(empty->collections.empty());
  EXPECT_TRUE(empty->field_registries.empty());
  EXPECT_TRUE(empty->shards.empty());
  EXPECT_TRUE(empty->models.empty());
  EXPECT_TRUE(empty->operations.empty());
}

TEST_F(StoreTest, DroppingAShardTakesItAloneAndReclaimingGivesItsSpaceBack) {
  ExpectedDocuments kept;
  for (ShardNumber number : {ShardNumber{1}, ShardNumber{2}, ShardNumber{3}, UINT32_MAX}) {
    auto shard = TestShard::Load(*store_, number);
    ASSERT_OK(shard);
    for (uint64_t i = 0; i < 40; ++i) {
      ASSERT_OK(shard->Upsert(fmt::format("d{}", i), i, Durability::kApplied));
      kept[fmt::format("d{}", i)] = i;
    }
    ASSERT_OK(store_->Flush());
  }
  const auto disk_bytes = [&] {
    const auto stats = store_->Stats();
    EXPECT_OK(stats);
    return stats->disk_bytes - stats->log_bytes;
  };
  const uint64_t before = disk_bytes();
  for (ShardNumber number : {ShardNumber{2}, UINT32_MAX}) {
    CommitBatch batch(*store_);
    batch.DropShard(number);
    ASSERT_OK(store_->Commit(batch, Durability::kSynced));
    ASSERT_OK(store_->ReclaimShard(number, Call::Background()));
    ASSERT_OK(store_->ReclaimShard(number, Call::Background()));  // again: nothing to do
  }
  EXPECT_LT(disk_bytes(), before * 3 / 4);
  Reopen();
  const auto catalog = store_->LoadCatalog();
  ASSERT_OK(catalog);
  EXPECT_EQ(catalog->shards.size(), 2U);
  for (ShardNumber number : {1, 3}) {
    EXPECT_OK(CheckShard(store_->Latest(), catalog->shards.at(number), number, kept));
  }
  for (ShardNumber number : {ShardNumber{2}, UINT32_MAX}) {
    EXPECT_TRUE(
        store_->Latest().ListDocuments(number, "", 9, "", Call::Background()).value().empty());
    EXPECT_FAILS(store_->Latest().ReadText(number, 1, 0, 1), absl::StatusCode::kDataLoss,
                 reason::kCorruption);
    const auto sizes = store_->ApproximateShardBytes(number);
    ASSERT_OK(sizes);
    for (const auto& size : *sizes) EXPECT_EQ(size.bytes, 0U) << size.family;
  }
  Call cancelled;
  cancelled.Cancel();
  EXPECT_FAILS(store_->ReclaimShard(1, cancelled), absl::StatusCode::kCancelled,
               reason::kCancelled);
}

TEST_F(StoreTest, DroppingASpaceLeavesTheOtherSpacesAndTheDocuments) {
  const std::vector<Ordinal> ordinals = {0, 7, UINT64_MAX};
  const std::vector<SpaceNumber> spaces = {0, 1, 2, UINT16_MAX};
  store::PassageRecord passage;
  passage.set_document_id("a");
  store::ManifestRecord manifest;
  manifest.set_next_segment_id(1);
  const auto fill = [&](CommitBatch& batch) {
    batch.PutDocument("a", Document(1));
    for (const SpaceNumber space : spaces) {
      for (const Ordinal ordinal : ordinals) {
        batch.PutPassage(space, ordinal, passage);
        batch.PutVector(space, ordinal, 0, std::vector<float>{1.0F, 2.0F});
      }
      batch.PutTombstone(space, 9, 1);
      batch.PutUpdate(space, 9, 1, "a");
    }
  };
  ASSERT_OK(Write(fill));
  CommitBatch manifests(*store_);
  for (const SpaceNumber space : spaces) manifests.PutManifest(kShard, space, manifest);
  ASSERT_OK(store_->Commit(manifests, Durability::kSynced));
  const Reader before(store_->TakeSnapshot());

  for (const SpaceNumber dropped : {SpaceNumber{1}, SpaceNumber{UINT16_MAX}}) {
    CommitBatch drop(*store_);
    drop.DropSpace(kShard, dropped);
    ASSERT_OK(store_->Commit(drop, Durability::kSynced));
  }
  const auto rows_of = [&](const Reader& reader, SpaceNumber space) {
    size_t rows = 0;
    const auto passages = reader.GetPassages(kShard, space, ordinals);
    const auto vectors = reader.GetVectors(kShard, space, 2, ordinals);
    EXPECT_TRUE(passages.ok() && vectors.ok());
    for (size_t i = 0; i < ordinals.size(); ++i) {
      rows += passages->at(i).has_value();
      rows += vectors->at(i).has_value();
    }
    const auto count = [&rows](const auto&) { return ++rows > 0; };
    EXPECT_OK(reader.ScanTombstones(kShard, space, 0, UINT64_MAX, count, Call::Background()));
    EXPECT_OK(reader.ScanUpdates(kShard, space, 0, UINT64_MAX, count, Call::Background()));
    return rows;
  };
  const auto expect_left = [&] {
    for (const SpaceNumber space : spaces) {
      const bool left = space == 0 || space == 2;
      EXPECT_EQ(rows_of(store_->Latest(), space), left ? 8U : 0U) << space;
    }
    EXPECT_TRUE(store_->Latest().GetDocument(kShard, "a").value().has_value());
    const auto catalog = store_->LoadCatalog();
    ASSERT_OK(catalog);
    EXPECT_EQ(catalog->manifests.size(), 2U);
    EXPECT_TRUE(catalog->manifests.contains({kShard, SpaceNumber{2}}));
  };
  expect_left();
  // A snapshot sees it as long as its space is not reclaimed.
  EXPECT_EQ(rows_of(before, 1), 8U);
  ASSERT_OK(store_->ReclaimSpace(kShard, UINT16_MAX, Call::Background()));
  expect_left();
}

TEST_F(StoreTest, TombstonesAreDroppedByTheRangeOfTheirFirstOrdinal) {
  ASSERT_OK(Write([&](CommitBatch& batch) {
    for (Ordinal first : {10, 20, 30, 40}) batch.PutTombstone(0, first, 2);
    batch.PutTombstone(1, 20, 5);
  }));
  CommitBatch batch(*store_);
  batch.DropTombstones(kShard, 0, 20, 40);
  ASSERT_OK(store_->Commit(batch, Durability::kSynced));
  std::vector<Ordinal> left;
  const auto scan = [&](SpaceNumber space) {
    left.clear();
    EXPECT_OK(store_->Latest().ScanTombstones(
        kShard, space, 0, UINT64_MAX,
        [&](const Tombstone& tombstone) {
          EXPECT_EQ(tombstone.sequence, 1U);
          EXPECT_EQ(tombstone.count, space == 0 ? 2U : 5U);
          left.push_back(tombstone.first);
          return true;
        },
        Call::Background()));
  };
  scan(0);
  EXPECT_THAT(left, ElementsAre(10, 40));
  scan(1);
  EXPECT_THAT(left, ElementsAre(20));
}

TEST_F(StoreTest, AnUpdateReplacesTheOneBeforeAndIsDroppedByTheRangeOfItsFirstOrdinal) {
  ASSERT_OK(Write([&](CommitBatch& batch) {
    for (Ordinal first : {10, 20, 30, 40}) batch.PutUpdate(0, first, 2, "before");
    batch.PutUpdate(1, 20, 5, "other space");
  }));
  ASSERT_OK(Write([&](CommitBatch& batch) { batch.PutUpdate(0, 40, 2, "after"); }));
  CommitBatch batch(*store_);
  batch.DropUpdates(kShard, 0, 20, 40);
  ASSERT_OK(store_->Commit(batch, Durability::kSynced));
  std::vector<std::string> left;
  const auto scan = [&](SpaceNumber space) {
    left.clear();
    EXPECT_OK(store_->Latest().ScanUpdates(
        kShard, space, 0, UINT64_MAX,
        [&](const MetadataUpdate& update) {
          left.push_back(fmt::format("[{}, +{}) {} at {}", update.first, update.count,
                                     update.document_id, update.sequence));
          return true;
        },
        Call::Background()));
  };
  scan(0);
  EXPECT_THAT(left, ElementsAre("[10, +2) before at 1", "[40, +2) after at 2"));
  scan(1);
  EXPECT_THAT(left, ElementsAre("[20, +5) other space at 1"));
}

TEST_F(StoreTest, AClosedStoreRefusesCommits) {
  ASSERT_OK(store_->Close());
  ASSERT_OK(store_->Close());
  EXPECT_FAILS(Write([](CommitBatch& batch) { batch.DeleteDocument("a"); }),
               absl::StatusCode::kUnavailable, reason::kDraining);
}

TEST_F(StoreTest, ManyThreadsReadWhileOneCommits) {
  auto shard = TestShard::Load(*store_, kShard);
  ASSERT_OK(shard);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done.load()) {
        // A text belongs to the document of the same moment: reads of one snapshot agree.
        const Reader reader(store_->TakeSnapshot());
        const auto documents = reader.ListDocuments(kShard, "", 10, "", Call::Background());
        if (!documents.ok()) ++wrong;
        for (const auto& document : *documents) {
          const TestDocument truth(std::stoull(document.record.content_hash()));
          const auto text = reader.ReadText(kShard, document.record.text_id(), 0,
                                            document.record.text_size_bytes());
          if (!text.ok() || *text != truth.text) ++wrong;
        }
      }
    });
  }
  for (uint64_t i = 0; i < 200; ++i) {
    EXPECT_OK(shard->Upsert(fmt::format("d{}", i % 5), i, Durability::kApplied));
  }
  done = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong.load(), 0);
}

// The store agrees with a std::map under random operations, with flushes and reopening between.
TEST_F(StoreTest, AgreesWithAMapUnderRandomOperations) {
  std::mt19937_64 random(TestSeed());
  ExpectedDocuments expected;
  auto shard = TestShard::Load(*store_, kShard);
  ASSERT_OK(shard);
  for (int step = 0; step < 600; ++step) {
    const std::string id = fmt::format("d{}", random() % 40);
    switch (random() % 20) {
      case 0:
        Reopen();
        shard = TestShard::Load(*store_, kShard);
        ASSERT_OK(shard);
        ASSERT_OK(CheckShard(store_->Latest(), shard->state(), kShard, expected));
        break;
      case 1:
        ASSERT_OK(store_->Flush());
        break;
      case 2:
      case 3:
      case 4:
      case 5:
        ASSERT_OK(shard->Delete(id, Durability::kApplied));
        expected.erase(id);
        break;
      default: {
        const uint64_t seed = random();
        ASSERT_OK(shard->Upsert(id, seed, Durability::kApplied));
        expected[id] = seed;
      }
    }
  }
  ASSERT_OK(CheckShard(store_->Latest(), shard->state(), kShard, expected));
  ASSERT_OK(store_->Flush());
  ASSERT_OK(store_->VerifyChecksums(Call::Background()));
}

}  // namespace
}  // namespace kith::storage
