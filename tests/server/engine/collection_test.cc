// Writing and reading documents: conditions, repeats, deletes, metadata, what a restart keeps.

#include "absl/synchronization/notification.h"
#include "fixture.h"

namespace kith::engine {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

class CollectionTest : public DatabaseTest {};

TEST_F(CollectionTest, KeepsTextMetadataAndVectorOfADocument) {
  auto articles = CreateTexts("articles");
  const Metadata metadata = {{"year", int64_t{2020}},
                             {"rating", 4.5},
                             {"open", true},
                             {"lang", std::string("en")},
                             {"tags", std::vector<std::string>{"a", "b"}},
                             {"seen", Timestamp{1'600'000'000'000'000}}};
  auto written = Upsert(*articles, {Text("a", "Cats purr when they are content.", metadata)});
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_TRUE(written->results[0].created);
  EXPECT_GT(written->encoded_tokens, 4u);

  auto view = Read(*articles);
  ASSERT_TRUE(view.ok());
  auto got =
      view->Get({"a", "b"}, {.text = true, .metadata = true, .passages = true, .vectors = true});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT(got->missing_ids, ElementsAre("b"));
  ASSERT_EQ(got->documents.size(), 1u);
  const Document& document = got->documents[0];
  EXPECT_EQ(document.text, "Cats purr when they are content.");
  EXPECT_EQ(document.metadata, metadata);
  EXPECT_EQ(document.etag, written->results[0].etag);
  ASSERT_EQ(document.passages.size(), 1u);
  EXPECT_EQ(document.passages[0].end, document.text.size());
  ASSERT_EQ(document.vectors.size(), 1u);
  EXPECT_EQ(document.vectors[0].size(), 64u);
}

TEST_F(CollectionTest, ReplacesADocumentAsAWhole) {
  auto points = CreateVectors("points");
  auto first = Upsert(*points, {Vec("a", {0, 0}), Vec("b", {1, 1})});
  ASSERT_TRUE(first.ok()) << first.status();
  auto second = Upsert(*points, {Vec("a", {9, 9})});
  ASSERT_TRUE(second.ok());
  EXPECT_FALSE(second->results[0].created);
  EXPECT_NE(second->results[0].etag, first->results[0].etag);
  auto found = Search(*points, {.query = VectorQuery{{0, 0}}, .limit = 10});
  ASSERT_TRUE(found.ok());
  EXPECT_THAT(Ids(*found), ElementsAre("b", "a"));
  EXPECT_TRUE(found->exhausted);
  EXPECT_EQ(Read(*points)->count(), 2u);
}

TEST_F(CollectionTest, DeletesAndCountsUnknownIds) {
  auto points = CreateVectors("points");
  ASSERT_TRUE(Upsert(*points, {Vec("a", {0, 0}), Vec("b", {1, 1})}).ok());
  auto deleted = Delete(*points, {"a", "nobody"});
  ASSERT_TRUE(deleted.ok());
  EXPECT_EQ(deleted->deleted, 1u);
  EXPECT_EQ(deleted->missing, 1u);
  EXPECT_THAT(Ids(*Search(*points, {.query = VectorQuery{{0, 0}}})), ElementsAre("b"));
}

TEST_F(CollectionTest, ChecksEtags) {
  auto points = CreateVectors("points");
  const std::string etag = Upsert(*points, {Vec("a", {0, 0})})->results[0].etag;
  DocumentInput change = Vec("a", {1, 1});
  change.if_match = "stale";
  EXPECT_THAT(Upsert(*points, {change}).status(), FailsWith(StatusCode::kAborted, "ETAG_MISMATCH"));
  change.if_match = etag;
  EXPECT_TRUE(Upsert(*points, {change}).ok());
  EXPECT_THAT(Upsert(*points, {change}).status(), FailsWith(StatusCode::kAborted, "ETAG_MISMATCH"));

  DocumentInput only_new = Vec("a", {2, 2});
  only_new.if_none_match = "*";
  EXPECT_THAT(Upsert(*points, {only_new}).status(),
              FailsWith(StatusCode::kAborted, "ETAG_MISMATCH"));
  only_new.id = "fresh";
  EXPECT_TRUE(Upsert(*points, {only_new}).ok());

  DeleteRequest removal;
  removal.deletes = {{"a", etag}};
  EXPECT_THAT(Delete(*points, removal).status(), FailsWith(StatusCode::kAborted, "ETAG_MISMATCH"));
}

TEST_F(CollectionTest, ARefusedBatchLeavesNothing) {
  auto points = CreateVectors("points");
  DocumentInput conditional = Vec("b", {1, 1});
  conditional.if_match = "anything";
  EXPECT_FALSE(Upsert(*points, {Vec("a", {0, 0}), conditional}).ok());
  EXPECT_EQ(Read(*points)->count(), 0u);
  EXPECT_THAT(Ids(*Search(*points, {.query = VectorQuery{{0, 0}}})), IsEmpty());
}

TEST_F(CollectionTest, ARepeatedRequestGetsTheFirstAnswerAlsoAfterARestart) {
  auto points = CreateVectors("points");
  UpsertRequest request;
  request.documents = {Vec("", {0, 0})};  // the id is made once
  request.request_id = "r1";
  auto first = Upsert(*points, request);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(Upsert(*points, {Vec("other", {1, 1})}).ok());
  for (int round = 0; round < 2; ++round) {
    auto again = Upsert(*points, request);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->results[0].id, first->results[0].id);
    EXPECT_EQ(again->results[0].etag, first->results[0].etag);
    EXPECT_TRUE(again->results[0].created);
    EXPECT_EQ(again->token.sequence, first->token.sequence);
    EXPECT_EQ(Read(*points)->count(), 2u);
    points.reset();
    Reopen();
    points = Find("points");
  }
  request.documents = {Vec("", {5, 5})};
  EXPECT_THAT(Upsert(*points, request).status(),
              FailsWith(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED"));
}

TEST_F(CollectionTest, FixesFieldTypesByFirstUse) {
  auto points = CreateVectors("points");
  const auto with = [](std::string id, MetadataValue value) {
    DocumentInput input = Vec(std::move(id), {0, 0});
    input.metadata["year"] = std::move(value);
    return input;
  };
  ASSERT_TRUE(Upsert(*points, {with("a", int64_t{2020})}).ok());
  EXPECT_THAT(Upsert(*points, {with("b", std::string("2020"))}).status(),
              FailsWith(StatusCode::kInvalidArgument, "FIELD_TYPE_CONFLICT"));
  // Also inside one batch, of which nothing stays.
  EXPECT_FALSE(Upsert(*points, {Vec("c", {0, 0}), with("d", true)}).ok());
  EXPECT_EQ(Read(*points)->count(), 1u);
  ASSERT_TRUE(Upsert(*points, {with("e", 2020.5)}).ok());
  EXPECT_EQ(points->Stats()->fields.at("year"), FieldType::kDouble);
  points.reset();
  Reopen();
  points = Find("points");
  EXPECT_EQ(points->Stats()->fields.at("year"), FieldType::kDouble);
  EXPECT_THAT(Upsert(*points, {with("f", true)}).status(),
              FailsWith(StatusCode::kInvalidArgument, "FIELD_TYPE_CONFLICT"));
}

TEST_F(CollectionTest, RefusesWhatItCannotEncodeOrCompare) {
  auto points = CreateVectors("points", 2, Metric::kCosine);
  EXPECT_THAT(Upsert(*points, {Text("a", "words")}).status(),
              FailsWith(StatusCode::kFailedPrecondition, "NO_ENCODER"));
  EXPECT_THAT(Upsert(*points, {Vec("a", {1, 2, 3})}).status(),
              FailsWith(StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"));
  EXPECT_THAT(Upsert(*points, {Vec("a", {0, 0})}).status(),
              FailsWith(StatusCode::kInvalidArgument, "ZERO_VECTOR"));
  EXPECT_THAT(Upsert(*points, std::vector<DocumentInput>{}).status(),
              FailsWith(StatusCode::kInvalidArgument, "EMPTY_BATCH"));
  EXPECT_THAT(Upsert(*points, {Vec("a", {1, 0}), Vec("a", {0, 1})}).status(),
              FailsWith(StatusCode::kInvalidArgument, "DUPLICATE_ID"));
  EXPECT_THAT(Upsert(*points, std::vector<DocumentInput>(1001, Vec("", {1, 0}))).status(),
              FailsWith(StatusCode::kInvalidArgument, "BATCH_TOO_LARGE"));
  EXPECT_TRUE(Upsert(*points, std::vector<DocumentInput>(1000, Vec("", {1, 0}))).ok());
  DocumentInput foreign = Vec("a", {1, 0});
  foreign.vector->fingerprint = "0123";
  EXPECT_THAT(Upsert(*points, {foreign}).status(),
              FailsWith(StatusCode::kFailedPrecondition, "ENCODER_MISMATCH"));
}

TEST_F(CollectionTest, TakesVectorsOfItsOwnEncoderOnly) {
  auto texts = CreateTexts("texts");
  DocumentInput own = Vec("a", std::vector<float>(64, 0.125f));
  EXPECT_THAT(Upsert(*texts, {own}).status(),
              FailsWith(StatusCode::kFailedPrecondition, "ENCODER_MISMATCH"));
  own.vector->fingerprint = texts->info().space.space_hash;
  EXPECT_TRUE(Upsert(*texts, {own}).ok());
}

TEST_F(CollectionTest, SaysWhenTextIsCutOff) {
  CollectionSpec spec;
  spec.name = "whole";
  spec.options.splitter.kind = SplitterKind::kNone;
  options.model_dir = std::filesystem::path(KITH_TEST_DATA) / "encoder" / "tiny-bert-mean";
  auto whole = Create(spec);
  std::string text;
  for (int i = 0; i < 100; ++i) text += "the cat ";
  UpsertRequest request;
  request.documents = {Text("a", text)};
  EXPECT_TRUE(Upsert(*whole, request)->results[0].truncated);
  request.truncation = Truncation::kNever;
  EXPECT_THAT(Upsert(*whole, request).status(),
              FailsWith(StatusCode::kInvalidArgument, "TOO_MANY_TOKENS"));
}

TEST_F(CollectionTest, ListsInPagesByIdBytes) {
  auto points = CreateVectors("points");
  ASSERT_TRUE(Upsert(*points, {Vec("b", {0, 0}), Vec("B", {0, 0}), Vec("a", {0, 0}),
                               Vec("\xC3\xA4", {0, 0})})
                  .ok());
  auto view = Read(*points);
  auto page = view->List({.limit = 2}, Call::Background());
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->documents.size(), 2u);
  EXPECT_EQ(page->documents[0].id, "B");
  EXPECT_EQ(page->documents[1].id, "a");
  EXPECT_TRUE(page->more);
  page = view->List({.limit = 2, .after = page->next}, Call::Background());
  EXPECT_EQ(page->documents[0].id, "b");
  EXPECT_EQ(page->documents[1].id, "\xC3\xA4");
  EXPECT_FALSE(page->more);
}

TEST_F(CollectionTest, ReadsNoOlderThanATokenAsked) {
  auto points = CreateVectors("points");
  auto other = CreateVectors("other");
  const CommitToken token = Upsert(*points, {Vec("a", {0, 0})})->token;
  EXPECT_TRUE(Read(*points, token).ok());
  EXPECT_THAT(Read(*other, token).status(),
              FailsWith(StatusCode::kInvalidArgument, "INVALID_COMMIT_TOKEN"));
  CommitToken future = token;
  future.sequence += 1;
  absl::StatusOr<ReadView> late = absl::UnknownError("not called");
  absl::Notification done;
  points->Read(future, std::make_shared<Call>(Call::Clock::now() + std::chrono::milliseconds(200)),
               [&](absl::StatusOr<ReadView> view) {
                 late = std::move(view);
                 done.Notify();
               });
  done.WaitForNotification();
  EXPECT_THAT(late.status(), FailsWith(StatusCode::kUnavailable, "NOT_YET_APPLIED"));
  // One that waits is served as soon as the commit is there.
  absl::Notification seen;
  points->Read(future, NoDeadline(), [&](absl::StatusOr<ReadView> view) {
    EXPECT_TRUE(view.ok()) << view.status();
    EXPECT_EQ(view->count(), 2u);
    seen.Notify();
  });
  ASSERT_TRUE(Upsert(*points, {Vec("b", {0, 0})}).ok());
  seen.WaitForNotification();
}

TEST_F(CollectionTest, ARestartKeepsEverythingAndEncodesNothing) {
  auto articles = CreateTexts("articles");
  ASSERT_TRUE(Upsert(*articles, {Text("a", "# Cats\n\nCats purr."), Text("b", "Dogs bark."),
                                 Text("c", "Fish swim.")})
                  .ok());
  ASSERT_TRUE(Delete(*articles, {"c"}).ok());
  const SearchRequest question = {.query = TextQuery{"who purrs"}, .exact = true};
  auto before = Search(*articles, question);
  ASSERT_TRUE(before.ok()) << before.status();
  const auto stats = articles->Stats();
  articles.reset();
  // Without --model-dir: what encodes the question is the copy in the data folder.
  options.model_dir.clear();
  Reopen();
  articles = Find("articles");
  auto after = Search(*articles, question);
  ASSERT_TRUE(after.ok()) << after.status();
  ASSERT_EQ(Ids(*after), Ids(*before));
  for (size_t i = 0; i < after->hits.size(); ++i) {
    EXPECT_EQ(after->hits[i].passages[0].score, before->hits[i].passages[0].score);
    EXPECT_EQ(after->hits[i].passages[0].text, before->hits[i].passages[0].text);
    EXPECT_EQ(after->hits[i].etag, before->hits[i].etag);
  }
  EXPECT_EQ(articles->Stats()->history_hash, stats->history_hash);
  EXPECT_EQ(articles->Stats()->commit_token.sequence, stats->commit_token.sequence);
  EXPECT_EQ(articles->info().space.encoder, "tiny-bert-mean");
}

TEST_F(CollectionTest, AppliedIsVisibleAndSaysSo) {
  auto points = CreateVectors("points");
  UpsertRequest request;
  request.documents = {Vec("a", {0, 0})};
  request.durability = Durability::kApplied;
  auto applied = Upsert(*points, request);
  ASSERT_TRUE(applied.ok());
  EXPECT_EQ(applied->durability, Durability::kApplied);
  EXPECT_EQ(Read(*points)->count(), 1u);
  EXPECT_EQ(Upsert(*points, {Vec("b", {0, 0})})->durability, Durability::kSynced);
}

}  // namespace
}  // namespace kith::engine
