// Metadata and terms in the index: updated while segments are sealed, merged, loaded and folded,
// and always what the documents say.

#include <filesystem>
#include <string>
#include <vector>

#include "indexing_fixture.h"
#include "kith/store/catalog.pb.h"
#include "server/engine/shard.h"
#include "storage/commit_batch.h"
#include "storage/store.h"

namespace kith::engine {
namespace {

using testing::Contains;
using testing::Not;
using testing::SizeIs;

TEST_F(IndexingTest, UpdatesOfSealedAndGrowingRowsAreThereAfterARestart) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 300);
  Merge(*points);
  for (int round = 0; round < 6; ++round) {
    Change(*points, 10 + round, 5);       // sealed, the same ones again
    Write(*points, 300 + 5 * round, 5);   // growing
    Change(*points, 298 + 5 * round, 5);  // both
    Remove(*points, 20 + round, 1);       // updated, then gone
    Write(*points, 40, 2);                // updated, then written anew
    Change(*points, 39, 4);
    ExpectCompanions(*points);
    points.reset();
    Reopen();
    points = Find("points");
    ExpectLedger(*points);
    EXPECT_EQ(Events("cannot be used"), 0);
  }
}

TEST_F(IndexingTest, UpdatesBeforeABuildAreInItsFilesAndLaterOnesOverThem) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 200);
  Change(*points, 0, 100);
  Seal(*points);
  ExpectLedger(*points);
  Change(*points, 90, 5);
  Write(*points, 200, 100);
  Change(*points, 210, 20);
  Merge(*points);
  Change(*points, 200, 5);
  ExpectLedger(*points);
  points.reset();
  Reopen();
  ExpectLedger(*Find("points"));
}

TEST_F(IndexingTest, MetadataOfWhichMuchWasUpdatedIsWrittenAnewByItself) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 400);
  Merge(*points);
  const auto graphs = Files(".graph");
  const auto rows = Files(".rows");
  const auto terms = Files(".terms");
  ASSERT_THAT(graphs, SizeIs(1));
  ASSERT_THAT(Files("-1.meta"), SizeIs(1));
  const auto written = std::filesystem::last_write_time(graphs[0]);
  Change(*points, 0, 30);  // under a tenth
  ExpectLedger(*points);
  EXPECT_EQ(Events("was written anew"), 0);
  for (int generation = 2; generation < 5; ++generation) {
    Change(*points, 20, 60);
    AwaitEvents("was written anew", generation - 1);
    EXPECT_EQ(Files(".graph"), graphs);
    EXPECT_EQ(Files(".rows"), rows);
    EXPECT_EQ(Files(".terms"), terms);
    EXPECT_EQ(std::filesystem::last_write_time(graphs[0]), written);
    EXPECT_THAT(Files(".meta"), SizeIs(1));
    EXPECT_THAT(Files("-" + std::to_string(generation) + ".meta"), SizeIs(1));
    ExpectLedger(*points);
    Change(*points, 70, 3);
    points.reset();
    Reopen();
    points = Find("points");
    ExpectLedger(*points);
  }
  EXPECT_EQ(Events("cannot be used"), 0);
  Merge(*points);
  ExpectLedger(*points);
}

TEST_F(IndexingTest, WhatAFoldHoldsIsNotReadFromStorageAgain) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 300);
  Merge(*points);
  Change(*points, 0, 200);
  AwaitEvents("was written anew", 1);
  Change(*points, 100, 3);
  const auto shard = points->shard()->identity().shard;
  points.reset();
  database.reset();
  size_t updates = 0;
  {
    const auto store = storage::Store::Open({.data_dir = (folder.path() / "data").string()});
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)
                    ->Latest()
                    .ScanUpdates(
                        shard, 0, 0, UINT64_MAX,
                        [&](const storage::MetadataUpdate&) {
                          ++updates;
                          return true;
                        },
                        Call::Background())
                    .ok());
  }
  EXPECT_EQ(updates, 3U);
  Open();
  ExpectLedger(*Find("points"));
}

TEST_F(IndexingTest, SegmentsOfFormatTwoAreMadeAnewWithMetadataAndTerms) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 300);
  Seal(*points);
  points.reset();
  database.reset();
  {
    const auto store = storage::Store::Open({.data_dir = (folder.path() / "data").string()});
    ASSERT_TRUE(store.ok()) << store.status();
    const auto catalog = (*store)->LoadCatalog();
    ASSERT_TRUE(catalog.ok());
    storage::CommitBatch batch(**store);
    for (auto [place, manifest] : catalog->manifests) {
      for (store::SegmentRecord& segment : *manifest.mutable_segments()) {
        segment.clear_metadata();
        segment.clear_terms();
        segment.clear_metadata_generation();
        segment.clear_metadata_at_sequence();
      }
      batch.PutManifest(place.first, place.second, manifest);
    }
    ASSERT_TRUE((*store)->Commit(batch, storage::Durability::kSynced).ok());
  }
  Open();
  EXPECT_GT(Events("cannot be used"), 0);
  points = Find("points");
  ExpectLedger(*points);
  Seal(*points);
  ExpectLedger(*points);
}

TEST_F(IndexingTest, MetadataDamagedUnderTheServerIsMadeGoodByAScrub) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 300);
  Merge(*points);
  Change(*points, 0, 20);
  for (const char* ending : {".meta", ".terms"}) {
    const auto files = Files(ending);
    ASSERT_THAT(files, SizeIs(1));
    std::filesystem::resize_file(files[0], std::filesystem::file_size(files[0]) / 2);
    const int repairs = Events("is damaged");
    points->shard()->Scrub();
    AwaitEvents("is damaged", repairs + 1);
    Merge(*points);
    ExpectLedger(*points);
    EXPECT_THAT(Files(ending), Not(Contains(files[0])));
  }
}

class TextIndexingTest : public IndexingTest {
 protected:
  // Documents of some sentences, with headings, without a text, with much of it.
  void WriteTexts(Collection& texts, int first, int count) {
    for (int i = first; i < first + count; ++i) {
      std::string text = "# Guide " + std::to_string(i % 5) + "\n\n";
      for (int sentence = 0; sentence <= i % 7; ++sentence) {
        text += "The wings of aircraft number " + std::to_string(i) + " carried " +
                std::to_string(sentence) + " cats over warm fishing places. ";
      }
      const std::string id = std::to_string(i);
      metadata[id] = RandomMetadata();
      const auto written = Upsert(texts, {Text(id, text, metadata[id])});
      ASSERT_TRUE(written.ok()) << written.status();
    }
  }
};

TEST_F(TextIndexingTest, WordsAndMetadataOfTextsAreTheSameHoweverTheyCameIntoTheIndex) {
  auto texts = CreateTexts("texts");
  WriteTexts(*texts, 0, 60);
  ExpectCompanions(*texts);  // as written
  texts.reset();
  Reopen();
  texts = Find("texts");
  ExpectCompanions(*texts);  // as replayed
  Change(*texts, 10, 20);
  Seal(*texts);
  ExpectCompanions(*texts);  // as sealed
  Change(*texts, 15, 2);
  WriteTexts(*texts, 50, 30);
  Merge(*texts);
  ExpectCompanions(*texts);  // as merged
  texts.reset();
  Reopen();
  texts = Find("texts");
  ExpectCompanions(*texts);  // as loaded
  EXPECT_EQ(Events("cannot be used"), 0);
}

// Its first passages are the last of a full segment, which is sealed and whose metadata is written
// anew after the update; the others lie in the next one, which grows at first and is sealed then,
// and of whose rows too few were updated for that.
TEST_F(TextIndexingTest, ADocumentInTwoSegmentsHasItsNewMetadataInBothAfterARestart) {
  constexpr int kBefore = 8192 - 3;  // rows, of as many as a segment takes
  constexpr int kPassages = 6;
  constexpr int kUpdated = 900;  // over a tenth of the first segment
  options.indexing.seal_rows = 8192;
  options.model_dir = std::filesystem::path(KITH_TEST_DATA) / "encoder" / "tiny-bert-mean";
  CollectionSpec spec;
  spec.name = "texts";
  spec.index.m = 4;
  spec.index.ef_construction = 16;
  auto texts = Create(spec);
  ASSERT_NE(texts, nullptr);
  const VectorSpace space = texts->info().space;
  const auto write = [&](int first, int end) {
    std::vector<DocumentInput> batch;
    for (int i = first; i < end; ++i) {
      const std::string id = std::to_string(i);
      metadata[id] = {{"state", std::string("other")}};
      std::vector<float> vector(space.dimension);
      for (float& value : vector) value = static_cast<float>(random() % 100) + 1;
      batch.push_back(Vec(id, std::move(vector), metadata[id]));
      batch.back().vector->fingerprint = space.space_hash;
      if (batch.size() < 1000 && i + 1 < end) continue;
      const auto written = Upsert(*texts, std::move(batch));
      ASSERT_TRUE(written.ok()) << written.status();
      batch.clear();
    }
  };
  // Of "long" and of many others of the first segment, which is then written anew.
  int folds = 0;
  const auto update = [&](const std::string& state) {
    metadata["long"] = {{"state", state}};
    std::vector<MetadataChange> changes = {{.id = "long", .set = metadata["long"]}};
    for (int i = 0; i < kUpdated; ++i) {
      const std::string id = std::to_string(i);
      metadata[id] = {{"state", "updated " + state}};
      changes.push_back({.id = id, .set = metadata[id]});
    }
    const auto changed = UpdateMetadata(*texts, std::move(changes));
    ASSERT_TRUE(changed.ok()) << changed.status();
    AwaitEvents("was written anew", ++folds);
  };
  const auto expect = [&](const std::string& state) {
    ExpectCompanions(*texts);
    for (const std::string filtered : {"old", "new", "newer"}) {
      SearchRequest request = {.query = TextQuery{"cats"}, .limit = 100, .exact = true};
      request.filter = index::Filter::Compare("state", index::CompareOp::kEqual, filtered);
      const auto found = Search(*texts, request);
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_EQ(found->hits.size(), filtered == state ? kPassages : 0) << filtered;
    }
  };
  const auto restart = [&] {
    texts.reset();
    Reopen();
    texts = Find("texts");
  };

  ASSERT_NO_FATAL_FAILURE(write(0, kBefore));
  std::string text;
  for (int i = 0; i < kPassages; ++i) {
    text += "# Guide " + std::to_string(i) + "\n\nThe wings of aircraft carried cats.\n\n";
  }
  metadata["long"] = {{"state", std::string("old")}};
  const auto written = Upsert(*texts, {Text("long", text, metadata["long"])});
  ASSERT_TRUE(written.ok()) << written.status();
  ASSERT_EQ(written->results[0].passage_count, kPassages);
  AwaitEvents("passages became segment", 1);
  expect("old");
  ASSERT_NO_FATAL_FAILURE(update("new"));
  expect("new");
  restart();
  expect("new");

  ASSERT_NO_FATAL_FAILURE(write(kBefore, kBefore + 100));
  Seal(*texts);
  ASSERT_NO_FATAL_FAILURE(update("newer"));
  expect("newer");
  restart();
  expect("newer");
  EXPECT_EQ(Events("passages became segment"), 2);
  EXPECT_EQ(Events("was written anew"), folds);
  EXPECT_EQ(Events("cannot be used"), 0);
}

TEST_F(TextIndexingTest, WhatTheSchemaLeavesOutOfTheIndexIsStoredAlone) {
  options.model_dir = std::filesystem::path(KITH_TEST_DATA) / "encoder" / "tiny-bert-mean";
  CollectionSpec spec;
  spec.name = "texts";
  spec.options.text_index.enabled = false;
  spec.options.unindexed_fields = {"raw"};
  auto texts = Create(spec);
  const Metadata fields = {{"lang", std::string("en")}, {"raw", std::string("long")}};
  ASSERT_TRUE(Upsert(*texts, {Text("a", "Cats like fish.", fields)}).ok());
  ASSERT_TRUE(UpdateMetadata(*texts, {{.id = "a", .set = {{"raw", std::string("longer")}}}}).ok());
  for (int round = 0; round < 3; ++round) {
    {
      const auto view = texts->shard()->served()->view();
      ASSERT_THAT(view->index.segments(), SizeIs(1));
      const index::SegmentView& segment = view->index.segments()[0];
      EXPECT_EQ(segment.metadata.Row(0), (index::MetadataRow{{"lang", std::string("en")}}));
      EXPECT_EQ(segment.sealed != nullptr ? segment.sealed->terms()->length(0)
                                          : segment.growing_terms->length(0),
                0U);
    }
    const auto found = Search(*texts, {.query = TextQuery{"cats"}});
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found->hits.at(0).metadata.at("raw"), MetadataValue(std::string("longer")));
    if (round == 0) Seal(*texts);
    if (round == 1) {
      texts.reset();
      Reopen();
      texts = Find("texts");
    }
  }
}

}  // namespace
}  // namespace kith::engine
