// Manifests of sealed segments, and the files that they name.

#include "storage/segment_files.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/commit_batch.h"
#include "storage/keys.h"
#include "storage/store.h"
#include "tests/storage/test_support.h"

namespace kith::storage {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

store::SegmentRecord Segment(uint64_t id, uint64_t begin, uint64_t end) {
  store::SegmentRecord segment;
  segment.set_id(id);
  segment.set_begin_ordinal(begin);
  segment.set_end_ordinal(end);
  segment.set_rows(end - begin);
  segment.mutable_graph()->set_size_bytes(10);
  segment.mutable_rows_file()->set_size_bytes(20);
  segment.mutable_metadata()->set_size_bytes(30);
  segment.mutable_terms()->set_size_bytes(40);
  segment.set_metadata_generation(1);
  segment.set_built_at_sequence(7);
  segment.set_metadata_at_sequence(7);
  return segment;
}

store::ManifestRecord ManifestOf(const std::vector<store::SegmentRecord>& segments) {
  store::ManifestRecord manifest;
  manifest.set_next_segment_id(1);
  for (const store::SegmentRecord& segment : segments) {
    *manifest.add_segments() = segment;
    manifest.set_next_segment_id(std::max(manifest.next_segment_id(), segment.id() + 1));
  }
  return manifest;
}

class ManifestTest : public testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  void Reopen() {
    store_.reset();
    auto opened = Store::Open(SmallOptions(folder_.path()));
    ASSERT_OK(opened);
    store_ = *std::move(opened);
  }
  absl::Status Put(ShardNumber shard, SpaceNumber space, const store::ManifestRecord& manifest) {
    CommitBatch batch(*store_);
    batch.PutManifest(shard, space, manifest);
    return store_->Commit(batch, Durability::kSynced);
  }

  TempFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(ManifestTest, IsThereAgainAfterReopening) {
  const auto manifest = ManifestOf({Segment(7, 0, 10), Segment(3, 10, 12)});
  ASSERT_OK(Put(5, 2, manifest));
  ASSERT_OK(Put(5, 3, ManifestOf({})));
  Reopen();
  const auto catalog = store_->LoadCatalog();
  ASSERT_OK(catalog);
  ASSERT_EQ(catalog->manifests.size(), 2U);
  EXPECT_EQ(catalog->manifests.at({5, 2}).SerializeAsString(), manifest.SerializeAsString());
  EXPECT_EQ(catalog->manifests.at({5, 3}).segments_size(), 0);
}

TEST_F(ManifestTest, GoesWithItsShardAndWithNoOther) {
  const auto manifest = ManifestOf({Segment(1, 0, 10)});
  for (const auto& [shard, space] :
       std::vector<std::pair<ShardNumber, SpaceNumber>>{{4, 0}, {4, 65535}, {5, 0}, {3, 65535}}) {
    ASSERT_OK(Put(shard, space, manifest));
  }
  CommitBatch batch(*store_);
  batch.DropShard(4);
  ASSERT_OK(store_->Commit(batch, Durability::kSynced));
  const auto catalog = store_->LoadCatalog();
  ASSERT_OK(catalog);
  EXPECT_EQ(catalog->manifests.size(), 2U);
  EXPECT_TRUE(catalog->manifests.contains({5, 0}));
  EXPECT_TRUE(catalog->manifests.contains({3, 65535}));
}

TEST_F(ManifestTest, OneThatBreaksARuleIsRefusedWhenWritten) {
  const auto changed = [](const std::function<void(store::SegmentRecord&)>& change) {
    store::SegmentRecord segment = Segment(1, 10, 20);
    change(segment);
    return ManifestOf({segment});
  };
  using Record = store::SegmentRecord;
  auto next_too_low = ManifestOf({Segment(4, 0, 1)});
  next_too_low.set_next_segment_id(4);
  const std::vector<std::pair<const char*, store::ManifestRecord>> cases = {
      {"no next id", store::ManifestRecord()},
      {"next id that is taken", next_too_low},
      {"id 0", changed([](Record& s) { s.set_id(0); })},
      {"id twice", ManifestOf({Segment(1, 0, 1), Segment(1, 1, 2)})},
      {"empty range", changed([](Record& s) { s.set_end_ordinal(10); })},
      {"range backwards", changed([](Record& s) { s.set_end_ordinal(9); })},
      {"ranges that overlap", ManifestOf({Segment(1, 0, 11), Segment(2, 10, 12)})},
      {"ranges out of order", ManifestOf({Segment(1, 10, 11), Segment(2, 0, 1)})},
      {"no rows", changed([](Record& s) { s.set_rows(0); })},
      {"more rows than ordinals", changed([](Record& s) { s.set_rows(11); })},
      {"too wide", changed([](Record& s) { s.set_end_ordinal(10 + kSegmentSpanMax + 1); })},
      {"empty graph", changed([](Record& s) { s.clear_graph(); })},
      {"empty rows", changed([](Record& s) { s.clear_rows_file(); })},
      {"metadata without terms", changed([](Record& s) { s.clear_terms(); })},
      {"terms without metadata", changed([](Record& s) { s.clear_metadata(); })},
      {"no generation", changed([](Record& s) { s.clear_metadata_generation(); })},
      {"metadata before the rows", changed([](Record& s) { s.set_metadata_at_sequence(6); })},
  };
  for (const auto& [what, manifest] : cases) {
    SCOPED_TRACE(what);
    EXPECT_FAILS(Put(1, 0, manifest), absl::StatusCode::kInternal, reason::kInternal);
  }
  EXPECT_OK(Put(1, 0, changed([](Record& s) { s.set_end_ordinal(10 + kSegmentSpanMax); })));
}

TEST_F(ManifestTest, OneOfVersionTwoNamesNoCompanionsAndIsRead) {
  store::SegmentRecord segment = Segment(1, 0, 10);
  segment.clear_metadata();
  segment.clear_terms();
  segment.clear_metadata_generation();
  segment.clear_metadata_at_sequence();
  ASSERT_OK(Put(1, 0, ManifestOf({segment})));
  Reopen();
  const auto catalog = store_->LoadCatalog();
  ASSERT_OK(catalog);
  EXPECT_FALSE(catalog->manifests.at({1, 0}).segments(0).has_metadata());
}

TEST(KeysOfManifests, SortByShardAndReadBack) {
  EXPECT_EQ(ManifestKey(7, 1), std::string("g\0\0\0\7\0\1", 7));
  EXPECT_LT(ManifestKey(7, 65535), ManifestKey(8, 0));
  EXPECT_EQ(ParseManifestKey(ManifestKey(7, 300)), std::pair(ShardNumber{7}, SpaceNumber{300}));
  EXPECT_FALSE(ParseManifestKey("g\0\0\0\7").has_value());
  EXPECT_FALSE(ParseManifestKey(ManifestKey(7, 1) + "x").has_value());
}

class SegmentFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = SegmentFiles::Open(folder_.Join("segments"));
    ASSERT_OK(opened);
    files_ = *std::move(opened);
    ASSERT_OK(files_->Prepare(4));
    ASSERT_OK(files_->Prepare(9));
  }
  void Make(ShardNumber shard, SpaceNumber space, uint64_t id) {
    WriteBytes(files_->GraphPath(shard, space, id), "g");
    WriteBytes(files_->RowsPath(shard, space, id), "r");
    WriteBytes(files_->TermsPath(shard, space, id), "t");
    WriteBytes(files_->MetadataPath(shard, space, id, 1), "m");
  }
  std::vector<std::string> FilesOf(ShardNumber shard, SpaceNumber space, uint64_t id) {
    return {files_->GraphPath(shard, space, id), files_->RowsPath(shard, space, id),
            files_->TermsPath(shard, space, id), files_->MetadataPath(shard, space, id, 1)};
  }
  bool IsThere(const std::string& path) { return std::filesystem::exists(path); }

  TempFolder folder_;
  std::unique_ptr<SegmentFiles> files_;
};

TEST_F(SegmentFilesTest, WhatNoManifestNamesIsRemovedAndNothingElse) {
  Make(4, 0, 1);
  Make(4, 0, 2);
  Make(4, 1, 1);
  Make(9, 0, 1);
  const std::string half = files_->GraphPath(4, 0, 1) + ".tmp";
  const std::string foreign = folder_.Join("segments/4/notes.txt");
  const std::string alike = folder_.Join("segments/4/0-01.graph");
  const std::string alike_too = folder_.Join("segments/4/0-1.meta");
  const std::string next = files_->MetadataPath(4, 0, 1, 2);
  for (const std::string& path : {half, foreign, alike, alike_too, next}) WriteBytes(path, "x");
  const auto removed =
      files_->RemoveOrphans({{{4, 0}, ManifestOf({Segment(1, 0, 1), Segment(5, 1, 2)})}});
  ASSERT_OK(removed);
  std::vector<std::string> orphans = {half, next};
  for (const auto& files : {FilesOf(4, 0, 2), FilesOf(4, 1, 1), FilesOf(9, 0, 1)}) {
    orphans.insert(orphans.end(), files.begin(), files.end());
  }
  EXPECT_THAT(*removed, UnorderedElementsAreArray(orphans));
  for (const std::string& path : *removed) EXPECT_FALSE(IsThere(path)) << path;
  for (const std::string& path : FilesOf(4, 0, 1)) EXPECT_TRUE(IsThere(path)) << path;
  for (const std::string& path : {foreign, alike, alike_too}) EXPECT_TRUE(IsThere(path)) << path;
  EXPECT_FALSE(IsThere(folder_.Join("segments/9")));
  const auto again =
      files_->RemoveOrphans({{{4, 0}, ManifestOf({Segment(1, 0, 1), Segment(5, 1, 2)})}});
  ASSERT_OK(again);
  EXPECT_THAT(*again, IsEmpty());
}

TEST_F(SegmentFilesTest, TheFilesOfOneSpaceAreRemovedAndNoOthers) {
  ASSERT_OK(files_->Prepare(3));
  for (const SpaceNumber space : {SpaceNumber{0}, SpaceNumber{1}, SpaceNumber{10}}) {
    WriteBytes(files_->GraphPath(3, space, 1), "x");
    WriteBytes(files_->MetadataPath(3, space, 1, 2), "x");
  }
  ASSERT_OK(files_->RemoveSpace(3, 1));
  ASSERT_OK(files_->RemoveSpace(3, 1));
  ASSERT_OK(files_->RemoveSpace(4, 1));
  EXPECT_FALSE(std::filesystem::exists(files_->GraphPath(3, 1, 1)));
  EXPECT_FALSE(std::filesystem::exists(files_->MetadataPath(3, 1, 1, 2)));
  for (const SpaceNumber space : {SpaceNumber{0}, SpaceNumber{10}}) {
    EXPECT_TRUE(std::filesystem::exists(files_->GraphPath(3, space, 1)));
    EXPECT_TRUE(std::filesystem::exists(files_->MetadataPath(3, space, 1, 2)));
  }
}

TEST_F(SegmentFilesTest, ASegmentIsRemovedWholeAndMoreThanOnce) {
  Make(4, 0, 1);
  Make(4, 0, 11);
  EXPECT_OK(files_->Remove(4, 0, 1, 1));
  EXPECT_OK(files_->Remove(4, 0, 1, 1));
  for (const std::string& path : FilesOf(4, 0, 1)) EXPECT_FALSE(IsThere(path)) << path;
  for (const std::string& path : FilesOf(4, 0, 11)) EXPECT_TRUE(IsThere(path)) << path;
  EXPECT_OK(files_->RemoveMetadata(4, 0, 11, 2));
  EXPECT_TRUE(IsThere(files_->MetadataPath(4, 0, 11, 1)));
  EXPECT_OK(files_->RemoveMetadata(4, 0, 11, 1));
  EXPECT_FALSE(IsThere(files_->MetadataPath(4, 0, 11, 1)));
  EXPECT_TRUE(IsThere(files_->TermsPath(4, 0, 11)));
  EXPECT_OK(files_->RemoveShard(4));
  EXPECT_OK(files_->RemoveShard(4));
  EXPECT_FALSE(IsThere(folder_.Join("segments/4")));
  EXPECT_TRUE(IsThere(folder_.Join("segments/9")));
}

}  // namespace
}  // namespace kith::storage
