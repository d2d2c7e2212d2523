// Changing the metadata of documents: what changes, what stays, what is refused, what is found.

#include <string>
#include <vector>

#include "fixture.h"

namespace kith::engine {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::SizeIs;

class MetadataTest : public DatabaseTest {
 protected:
  static Document Stored(Collection& collection, const std::string& id) {
    const auto view = Read(collection);
    EXPECT_TRUE(view.ok()) << view.status();
    auto got = view->Get({id}, {.text = true, .metadata = true, .passages = true, .vectors = true});
    EXPECT_TRUE(got.ok()) << got.status();
    return got.ok() && got->documents.size() == 1 ? got->documents[0] : Document();
  }
  static Metadata MetadataOf(Collection& collection, const std::string& id) {
    return Stored(collection, id).metadata;
  }
};

TEST_F(MetadataTest, FieldsAreSetRemovedAndReplacedAndNothingElseChanges) {
  auto texts = CreateTexts("texts");
  ASSERT_TRUE(Upsert(*texts, {Text("a", "Cats like fish. Dogs like bones.",
                                   {{"lang", std::string("en")}, {"year", int64_t{2017}}})})
                  .ok());
  const Document before = Stored(*texts, "a");
  const auto merged = UpdateMetadata(*texts, {{.id = "a",
                                               .set = {{"year", int64_t{2018}}, {"draft", true}},
                                               .remove = {"lang", "no such field"}}});
  ASSERT_TRUE(merged.ok()) << merged.status();
  ASSERT_THAT(merged->results, SizeIs(1));
  EXPECT_EQ(merged->missing, 0U);
  const Document after = Stored(*texts, "a");
  EXPECT_EQ(after.metadata, (Metadata{{"year", int64_t{2018}}, {"draft", true}}));
  EXPECT_EQ(after.etag, merged->results[0].etag);
  EXPECT_NE(after.etag, before.etag);
  EXPECT_EQ(after.text, before.text);
  EXPECT_EQ(after.vectors, before.vectors);
  EXPECT_EQ(after.passage_count, before.passage_count);
  EXPECT_EQ(after.create_time, before.create_time);
  EXPECT_GE(after.update_time.micros, before.update_time.micros);
  const auto stats = texts->Stats();
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->passages, before.passage_count);
  EXPECT_EQ(stats->deleted_rows, 0U);

  ASSERT_TRUE(UpdateMetadata(*texts, {{.id = "a", .set = {{"n", 1.5}}, .replace = true}}).ok());
  EXPECT_EQ(MetadataOf(*texts, "a"), (Metadata{{"n", 1.5}}));
  ASSERT_TRUE(UpdateMetadata(*texts, {{.id = "a", .replace = true}}).ok());
  EXPECT_EQ(MetadataOf(*texts, "a"), Metadata());
}

TEST_F(MetadataTest, ASearchShowsWhatWasChangedAlthoughItShowedTheHitBefore) {
  auto points = CreateVectors("points");
  ASSERT_TRUE(Upsert(*points, {Vec("a", {1, 1}, {{"n", int64_t{0}}})}).ok());
  for (int64_t n = 1; n < 20; ++n) {
    const auto changed = UpdateMetadata(*points, {{.id = "a", .set = {{"n", n}}}});
    ASSERT_TRUE(changed.ok());
    for (int i = 0; i < 2; ++i) {  // from storage, then from the cache
      const auto found = Search(*points, {.query = VectorQuery{{1, 1}}, .limit = 1});
      ASSERT_TRUE(found.ok());
      EXPECT_EQ(found->hits.at(0).metadata, (Metadata{{"n", n}}));
      EXPECT_EQ(found->hits.at(0).etag, changed->results[0].etag);
    }
  }
}

TEST_F(MetadataTest, UnknownDocumentsAreCountedAndFixNoTypes) {
  auto points = CreateVectors("points");
  ASSERT_TRUE(Upsert(*points, {Vec("a", {1, 1})}).ok());
  const auto changed = UpdateMetadata(
      *points, {{.id = "x", .set = {{"f", std::string("s")}}}, {.id = "a", .set = {{"g", true}}}});
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->missing, 1U);
  ASSERT_THAT(changed->results, SizeIs(2));
  EXPECT_EQ(changed->results[0].id, "x");
  EXPECT_EQ(changed->results[0].etag, "");
  EXPECT_EQ(changed->results[1].etag, Stored(*points, "a").etag);
  EXPECT_TRUE(UpdateMetadata(*points, {{.id = "a", .set = {{"f", int64_t{1}}}}}).ok());
}

TEST_F(MetadataTest, AConditionThatDoesNotHoldLeavesAllAsItWas) {
  auto points = CreateVectors("points");
  ASSERT_TRUE(Upsert(*points, {Vec("a", {1, 1}), Vec("b", {2, 2})}).ok());
  const std::string etag = Stored(*points, "a").etag;
  EXPECT_THAT(UpdateMetadata(*points, {{.id = "b", .set = {{"n", true}}},
                                       {.id = "a", .set = {{"n", true}}, .if_match = "other"}})
                  .status(),
              FailsWith(StatusCode::kAborted, reason::kEtagMismatch));
  EXPECT_THAT(
      UpdateMetadata(*points, {{.id = "x", .set = {{"n", true}}, .if_match = etag}}).status(),
      FailsWith(StatusCode::kAborted, reason::kEtagMismatch));
  EXPECT_EQ(MetadataOf(*points, "b"), Metadata());
  const auto changed =
      UpdateMetadata(*points, {{.id = "a", .set = {{"n", true}}, .if_match = etag}});
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_THAT(
      UpdateMetadata(*points, {{.id = "a", .set = {{"n", false}}, .if_match = etag}}).status(),
      FailsWith(StatusCode::kAborted, reason::kEtagMismatch));
  DocumentInput anew = Vec("a", {3, 3});
  anew.if_match = changed->results[0].etag;
  EXPECT_TRUE(Upsert(*points, {anew}).ok());
}

TEST_F(MetadataTest, WhatCannotBeIsRefusedWhole) {
  options.limits.metadata_keys = 3;
  options.limits.metadata_bytes = 100;
  auto points = CreateVectors("points");
  ASSERT_TRUE(Upsert(*points, {Vec("a", {1, 1}, {{"k1", true}, {"k2", int64_t{1}}})}).ok());
  const auto refused = [&](std::vector<MetadataChange> updates, std::string_view reason) {
    EXPECT_THAT(UpdateMetadata(*points, std::move(updates)).status(),
                FailsWith(StatusCode::kInvalidArgument, reason));
  };
  refused({}, reason::kEmptyBatch);
  refused(std::vector<MetadataChange>(1001), reason::kBatchTooLarge);
  refused({{.id = "", .set = {{"n", true}}}}, reason::kInvalidId);
  refused({{.id = "a", .set = {{"n", true}}}, {.id = "a", .remove = {"n"}}}, reason::kDuplicateId);
  refused({{.id = "a"}}, reason::kInvalidMetadata);
  refused({{.id = "a", .set = {{"n", true}}, .remove = {"n"}}}, reason::kInvalidMetadata);
  refused({{.id = "a", .remove = {""}}}, reason::kInvalidMetadata);
  refused({{.id = "a", .set = {{"\xff", true}}}}, reason::kInvalidMetadata);
  refused({{.id = "a", .set = {{"k2", std::string("s")}}}}, reason::kFieldTypeConflict);
  // At the limit, and one past it, only together with what is there.
  refused({{.id = "a", .set = {{"k3", true}, {"k4", true}}}}, reason::kInvalidMetadata);
  refused({{.id = "a", .set = {{"k3", std::string(100 - 14, 'x')}}}}, reason::kInvalidMetadata);
  EXPECT_EQ(MetadataOf(*points, "a"), (Metadata{{"k1", true}, {"k2", int64_t{1}}}));
  EXPECT_TRUE(
      UpdateMetadata(*points, {{.id = "a", .set = {{"k3", std::string(100 - 15, 'x')}}}}).ok());
}

TEST_F(MetadataTest, ARepeatedRequestGetsItsFirstAnswer) {
  auto points = CreateVectors("points");
  ASSERT_TRUE(Upsert(*points, {Vec("a", {1, 1})}).ok());
  UpdateMetadataRequest request;
  request.request_id = "r";
  request.updates = {{.id = "a", .set = {{"n", int64_t{1}}}}, {.id = "x", .remove = {"n"}}};
  const auto first = UpdateMetadata(*points, request);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(UpdateMetadata(*points, {{.id = "a", .set = {{"n", int64_t{2}}}}}).ok());
  for (int i = 0; i < 2; ++i) {
    const auto again = UpdateMetadata(*points, request);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->missing, 1U);
    ASSERT_THAT(again->results, SizeIs(2));
    EXPECT_EQ(again->results[0].etag, first->results[0].etag);
    EXPECT_EQ(again->results[1].etag, "");
    EXPECT_EQ(again->token.sequence, first->token.sequence);
    EXPECT_EQ(MetadataOf(*points, "a"), (Metadata{{"n", int64_t{2}}}));
    points.reset();
    Reopen();
    points = Find("points");
  }
  request.updates[0].set["n"] = int64_t{3};
  EXPECT_THAT(UpdateMetadata(*points, request).status(),
              FailsWith(StatusCode::kInvalidArgument, reason::kRequestIdReused));
}

TEST_F(MetadataTest, ACollectionRemembersHowItsTextsAndFieldsAreIndexed) {
  CollectionSpec spec;
  spec.name = "points";
  spec.dimension = 2;
  spec.options.text_index = {.enabled = true, .language = "german", .remove_stop_words = true};
  spec.options.unindexed_fields = {"raw", "blob", "raw"};
  Create(spec);
  Reopen();
  const CollectionInfo info = Find("points")->info();
  EXPECT_EQ(info.options.text_index, spec.options.text_index);
  EXPECT_THAT(info.options.unindexed_fields, ElementsAre("blob", "raw"));
  spec.name = "others";
  spec.options.text_index.language = "klingon";
  EXPECT_THAT(database->CreateCollection(spec).status(),
              FailsWith(StatusCode::kInvalidArgument, reason::kInvalidRequest));
  spec.options.text_index = {.language = "none", .remove_stop_words = true};
  EXPECT_THAT(database->CreateCollection(spec).status(),
              FailsWith(StatusCode::kInvalidArgument, reason::kInvalidRequest));
  spec.options.text_index = {};
  spec.options.unindexed_fields = {""};
  EXPECT_THAT(database->CreateCollection(spec).status(),
              FailsWith(StatusCode::kInvalidArgument, reason::kInvalidId));
}

}  // namespace
}  // namespace kith::engine
