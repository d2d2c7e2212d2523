// What a search promises: the right hits, grouped and paged, with the parts that were selected.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <set>

#include "absl/synchronization/notification.h"
#include "fixture.h"
#include "server/engine/splitting.h"

namespace kith::engine {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

class SearchTest : public DatabaseTest {};

TEST_F(SearchTest, AnswersAnEmptyCollectionWithNothing) {
  auto points = CreateVectors("points");
  auto found = Search(*points, {.query = VectorQuery{{0, 0}}});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(Ids(*found), IsEmpty());
  EXPECT_TRUE(found->exhausted);
}

TEST_F(SearchTest, OrdersByScoreAndThenByAge) {
  auto points = CreateVectors("points");
  ASSERT_TRUE(Upsert(*points, {Vec("far", {5, 0}), Vec("left", {-1, 0}), Vec("right", {1, 0}),
                               Vec("here", {0, 0})})
                  .ok());
  for (const bool exact : {false, true}) {
    auto found = Search(*points, {.query = VectorQuery{{0, 0}}, .exact = exact});
    ASSERT_TRUE(found.ok());
    EXPECT_THAT(Ids(*found), ElementsAre("here", "left", "right", "far"));
    EXPECT_EQ(found->hits[3].passages[0].distance, 5);
    EXPECT_EQ(found->hits[3].passages[0].score, -5);
    EXPECT_EQ(found->strategy, exact ? Strategy::kExactScan : Strategy::kCodeScan);
  }
}

TEST_F(SearchTest, PagesByOffset) {
  auto points = CreateVectors("points");
  std::vector<DocumentInput> row;
  for (int i = 0; i < 10; ++i) row.push_back(Vec(std::to_string(i), {static_cast<float>(i), 0}));
  ASSERT_TRUE(Upsert(*points, row).ok());
  auto page = Search(*points, {.query = VectorQuery{{0, 0}}, .limit = 3, .offset = 8});
  EXPECT_THAT(Ids(*page), ElementsAre("8", "9"));
  EXPECT_TRUE(page->exhausted);
  page = Search(*points, {.query = VectorQuery{{0, 0}}, .limit = 3, .offset = 4});
  EXPECT_THAT(Ids(*page), ElementsAre("4", "5", "6"));
  EXPECT_FALSE(page->exhausted);
  EXPECT_THAT(Ids(*Search(*points, {.query = VectorQuery{{0, 0}}, .limit = 3, .offset = 50})),
              IsEmpty());
}

TEST_F(SearchTest, RefusesLimitsOutOfRange) {
  auto points = CreateVectors("points");
  struct Case {
    int64_t limit, offset;
    bool good;
  };
  for (const Case& c : {Case{0, 0, false},
                        {-1, 0, false},
                        {1'000'000'000, 0, false},
                        {10'000, 0, true},
                        {10'001, 0, false},
                        {9'999, 1, true},
                        {10'000, 1, false},
                        {1, -1, false},
                        {1, INT64_MAX, false}}) {
    const auto found =
        Search(*points, {.query = VectorQuery{{0, 0}}, .limit = c.limit, .offset = c.offset});
    if (c.good) {
      EXPECT_TRUE(found.ok()) << c.limit << "+" << c.offset;
    } else {
      EXPECT_THAT(found.status(), FailsWith(StatusCode::kInvalidArgument, "LIMIT_OUT_OF_RANGE"))
          << c.limit << "+" << c.offset;
    }
  }
}

TEST_F(SearchTest, GroupsPassagesByDocument) {
  CollectionSpec spec;
  spec.name = "books";
  spec.options.splitter = {SplitterKind::kSentences, 16, 0};
  options.model_dir = std::filesystem::path(KITH_TEST_DATA) / "encoder" / "tiny-bert-mean";
  auto books = Create(spec);
  std::string cats, dogs;
  for (int i = 0; i < 12; ++i) {
    cats += "The small cat number " + std::to_string(i) + " is very quiet today. ";
    dogs += "A large dog number " + std::to_string(i) + " runs over the hill. ";
  }
  ASSERT_TRUE(Upsert(*books, {Text("cats", cats), Text("dogs", dogs)}).ok());
  ASSERT_GT(books->Stats()->passages, 10u);

  SearchRequest request = {.query = TextQuery{"a quiet cat"}, .limit = 100};
  auto passages = Search(*books, request);
  ASSERT_TRUE(passages.ok()) << passages.status();
  EXPECT_EQ(passages->hits.size(), books->Stats()->passages);
  request.group_by.kind = GroupBy::Kind::kDocument;
  request.passages_per_group = 4;
  auto groups = Search(*books, request);
  ASSERT_TRUE(groups.ok()) << groups.status();
  ASSERT_EQ(groups->hits.size(), 2u);
  EXPECT_TRUE(groups->exhausted);
  EXPECT_EQ(groups->hits[0].document_id, passages->hits[0].document_id);
  for (const SearchHit& group : groups->hits) {
    // The group's passages are the document's best in the ungrouped list.
    std::vector<uint32_t> expected, got;
    for (const SearchHit& hit : passages->hits) {
      if (hit.document_id == group.document_id && expected.size() < 4) {
        expected.push_back(hit.passages[0].passage.index);
      }
    }
    for (const ScoredPassage& passage : group.passages) got.push_back(passage.passage.index);
    EXPECT_EQ(got, expected);
  }
}

TEST_F(SearchTest, FindsDocumentsLikeADocumentAndLeavesItOut) {
  auto points = CreateVectors("points");
  ASSERT_TRUE(Upsert(*points, {Vec("a", {0, 0}), Vec("b", {1, 0}), Vec("c", {9, 0})}).ok());
  auto found = Search(*points, {.query = DocumentQuery{"a"}});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(Ids(*found), ElementsAre("b", "c"));
  EXPECT_THAT(Search(*points, {.query = DocumentQuery{"nobody"}}).status(),
              FailsWith(StatusCode::kNotFound, "DOCUMENT_NOT_FOUND"));
}

TEST_F(SearchTest, ReturnsTheTextOfThePassageAndSelectedParts) {
  auto articles = CreateTexts("articles");
  ASSERT_TRUE(
      Upsert(*articles, {Text("a", "# Pets\n\n## Cats\n\nCats purr.", {{"n", int64_t{1}}})}).ok());
  SearchRequest request = {.query = TextQuery{"cats"}};
  auto found = Search(*articles, request);
  ASSERT_TRUE(found.ok()) << found.status();
  const ScoredPassage& best = found->hits[0].passages[0];
  EXPECT_NE(best.text.find("Cats purr."), std::string::npos);
  EXPECT_EQ(best.passage.heading_path, "Pets > Cats");
  EXPECT_EQ(found->hits[0].metadata.size(), 1u);
  EXPECT_TRUE(best.vector.empty());
  EXPECT_GT(found->encoded_tokens, 0u);
  request.select = {.text = false, .metadata = false, .vectors = true};
  found = Search(*articles, request);
  EXPECT_TRUE(found->hits[0].passages[0].text.empty());
  EXPECT_TRUE(found->hits[0].metadata.empty());
  EXPECT_EQ(found->hits[0].passages[0].vector.size(), 64u);
}

TEST_F(SearchTest, LeavesOutWhatScoresTooLow) {
  auto points = CreateVectors("points");
  ASSERT_TRUE(Upsert(*points, {Vec("a", {1, 0}), Vec("b", {2, 0}), Vec("c", {3, 0})}).ok());
  auto found = Search(*points, {.query = VectorQuery{{0, 0}}, .limit = 2, .score_min = -2.0});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(Ids(*found), ElementsAre("a", "b"));
  EXPECT_FALSE(found->exhausted);
  found = Search(*points, {.query = VectorQuery{{0, 0}}, .limit = 2, .score_min = -1.5});
  EXPECT_THAT(Ids(*found), ElementsAre("a"));
  EXPECT_TRUE(found->exhausted);
  EXPECT_THAT(Search(*points, {.query = VectorQuery{{0, 0}}, .score_min = std::nan("")}).status(),
              FailsWith(StatusCode::kInvalidArgument, "INVALID_REQUEST"));
}

TEST_F(SearchTest, SelectsSingleFieldsOfTheMetadata) {
  auto articles = CreateTexts("articles");
  ASSERT_TRUE(
      Upsert(*articles,
             {Text("a", "Cats purr.",
                   {{"n", int64_t{1}}, {"lang", std::string("en")}, {"year", int64_t{2020}}})})
          .ok());
  auto found =
      Search(*articles, {.query = TextQuery{"cats"}, .select = {.fields = {"year", "none", "n"}}});
  ASSERT_TRUE(found.ok()) << found.status();
  const Metadata expected = {{"n", int64_t{1}}, {"year", int64_t{2020}}};
  EXPECT_EQ(found->hits[0].metadata, expected);
}

TEST_F(SearchTest, DiversifiesOverThePoolAndItsPagesFitTogether) {
  auto points = CreateVectors("points", 2, Metric::kCosine);
  // Two bundles of vectors that are nearly the same, and one apart.
  ASSERT_TRUE(Upsert(*points, {Vec("a1", {1, 0.30f}), Vec("a2", {1, 0.31f}), Vec("a3", {1, 0.32f}),
                               Vec("b1", {1, -0.4f}), Vec("b2", {1, -0.41f}), Vec("c", {0, 1})})
                  .ok());
  SearchRequest request = {.query = VectorQuery{{1, 0}}, .limit = 2};
  EXPECT_THAT(Ids(*Search(*points, request)), ElementsAre("a1", "a2"));
  request.diversify = {.lambda = 0.7, .pool = 6};
  auto first = Search(*points, request);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(Ids(*first), ElementsAre("a1", "b1"));
  request.limit = 6;
  const auto all = Ids(*Search(*points, request));
  EXPECT_EQ(all.size(), 6u);
  request.limit = 3;
  request.offset = 3;
  EXPECT_THAT(Ids(*Search(*points, request)), ElementsAre(all[3], all[4], all[5]));

  request.diversify->pool = 5;
  EXPECT_THAT(Search(*points, request).status(),
              FailsWith(StatusCode::kInvalidArgument, "LIMIT_OUT_OF_RANGE"));
  request.diversify = {.lambda = 1.5, .pool = 6};
  EXPECT_THAT(Search(*points, request).status(),
              FailsWith(StatusCode::kInvalidArgument, "LIMIT_OUT_OF_RANGE"));
}

TEST_F(SearchTest, RecommendsByTheAverageOfExamplesAndLeavesThemOut) {
  auto points = CreateVectors("points");
  ASSERT_TRUE(Upsert(*points, {Vec("a", {0, 0}), Vec("b", {4, 0}), Vec("middle", {2, 0}),
                               Vec("away", {2, 3}), Vec("near", {3, -1})})
                  .ok());
  RecommendQuery query = {.positive = {DocumentQuery{"a"}, DocumentQuery{"b"}}};
  auto found = Search(*points, {.query = query});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(Ids(*found), ElementsAre("middle", "near", "away"));
  query.negative = {VectorQuery{{2, -3}}};  // 2 * (2, 0) - (2, -3) = (2, 3) asks
  EXPECT_THAT(Ids(*Search(*points, {.query = query})), ElementsAre("away", "middle", "near"));

  EXPECT_THAT(Search(*points, {.query = RecommendQuery{}}).status(),
              FailsWith(StatusCode::kInvalidArgument, "INVALID_REQUEST"));
  query.positive.push_back(DocumentQuery{"nobody"});
  const absl::Status missing = Search(*points, {.query = query}).status();
  EXPECT_THAT(missing, FailsWith(StatusCode::kNotFound, "DOCUMENT_NOT_FOUND"));
  EXPECT_EQ(DetailsOf(missing).field, "query.recommend.positive[2].document_id");
  query.positive.assign(kExamplesMax, VectorQuery{{0, 0}});
  EXPECT_THAT(Search(*points, {.query = query}).status(),
              FailsWith(StatusCode::kInvalidArgument, "LIMIT_OUT_OF_RANGE"));
}

TEST_F(SearchTest, RecommendsByTheBestScoreWhatIsNearerToAPositiveExample) {
  auto points = CreateVectors("points");
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<DocumentInput> rows;
  std::vector<std::array<float, 2>> values;
  for (int i = 0; i < 500; ++i) {
    values.push_back({normal(random), normal(random)});
    rows.push_back(Vec(std::to_string(i), {values[i][0], values[i][1]}));
  }
  ASSERT_TRUE(Upsert(*points, rows).ok());
  const std::vector<std::array<float, 2>> likes = {{0.5f, 0}, {-1, 1}}, dislikes = {{0.4f, 0.1f}};
  RecommendQuery query = {.positive = {VectorQuery{{0.5f, 0}}, VectorQuery{{-1, 1}}},
                          .negative = {VectorQuery{{0.4f, 0.1f}}},
                          .method = RecommendQuery::Method::kBestScore};
  const auto nearest = [](const auto& examples, const std::array<float, 2>& row) {
    float best = 1e9f;
    for (const auto& example : examples) {
      best = std::min(best, std::hypot(example[0] - row[0], example[1] - row[1]));
    }
    return best;
  };
  std::vector<std::pair<float, size_t>> expected;
  for (size_t i = 0; i < values.size(); ++i) {
    const float distance = nearest(likes, values[i]);
    if (distance < nearest(dislikes, values[i])) expected.push_back({distance, i});
  }
  std::sort(expected.begin(), expected.end());
  for (const int64_t limit : {1, 10, 400, 1000}) {
    auto found = Search(*points, {.query = query, .limit = limit, .exact = true});
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->hits.size(), std::min<size_t>(limit, expected.size()));
    for (size_t i = 0; i < found->hits.size(); ++i) {
      EXPECT_EQ(found->hits[i].document_id, std::to_string(expected[i].second));
    }
  }
}

TEST_F(SearchTest, ExplainsItselfInStagesThatAddUp) {
  auto articles = CreateTexts("articles");
  ASSERT_TRUE(Upsert(*articles, {Text("a", "Cats purr."), Text("b", "Dogs bark.")}).ok());
  auto found = Search(*articles, {.query = TextQuery{"cats"}});
  EXPECT_FALSE(found->explanation.has_value());
  found =
      Search(*articles, {.query = TextQuery{"cats"}, .diversify = Diversify{}, .explain = true});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->explanation.has_value());
  std::set<std::string> names;
  int64_t sum = 0;
  for (const Explanation::Stage& stage : found->explanation->stages) {
    names.insert(stage.name);
    EXPECT_GE(stage.nanoseconds, 0);
    sum += stage.nanoseconds;
  }
  EXPECT_EQ(sum, found->explanation->nanoseconds);
  for (const char* name : {"prepare", "encode", "dense", "diversify", "fetch"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

TEST_F(SearchTest, RefusesBlankQuestionsAndLongOnesIfAsked) {
  auto articles = CreateTexts("articles");
  EXPECT_THAT(Search(*articles, {.query = TextQuery{" \n\xE3\x80\x80"}}).status(),
              FailsWith(StatusCode::kInvalidArgument, "EMPTY_TEXT"));
  EXPECT_THAT(Search(*articles, {.query = TextQuery{"\xFF"}}).status(),
              FailsWith(StatusCode::kInvalidArgument, "INVALID_UTF8"));
  std::string longest(100'000, 'a');
  for (size_t i = 1; i < longest.size(); i += 2) longest[i] = ' ';
  SearchRequest request = {.query = TextQuery{longest}};
  auto found = Search(*articles, request);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->query_truncated);
  request.truncation = Truncation::kNever;
  EXPECT_THAT(Search(*articles, request).status(),
              FailsWith(StatusCode::kInvalidArgument, "TOO_MANY_TOKENS"));
}

TEST(CheckEmbeddingsTest, AnEmbeddingWithoutDirectionMeansThatTheTextIsEmpty) {
  VectorSpace space;
  space.encoder = "model";
  space.dimension = 2;
  EXPECT_TRUE(CheckEmbeddings(std::vector<float>{1, 0, 0, 1}, space).ok());
  const absl::Status empty = CheckEmbeddings(std::vector<float>{1, 0, 0, 0}, space);
  EXPECT_THAT(empty, FailsWith(StatusCode::kInvalidArgument, "EMPTY_TEXT"));
  EXPECT_EQ(DetailsOf(empty).field, "text");
  space.metric = Metric::kDot;  // where zero is a vector like others
  EXPECT_TRUE(CheckEmbeddings(std::vector<float>{0, 0}, space).ok());
}

TEST_F(SearchTest, ABatchNamesTheSearchThatIsWrong) {
  auto points = CreateVectors("points");
  absl::Status status;
  absl::Notification done;
  points->Search({{.query = VectorQuery{{0, 0}}}, {.query = VectorQuery{{0, 0, 0}}}}, std::nullopt,
                 NoDeadline(), [&](absl::StatusOr<std::vector<SearchAnswer>> answers) {
                   status = answers.status();
                   done.Notify();
                 });
  done.WaitForNotification();
  EXPECT_THAT(status, FailsWith(StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"));
  EXPECT_EQ(DetailsOf(status).field, "searches[1].query.vector");
}

TEST_F(SearchTest, GivesUpWithItsCaller) {
  auto points = CreateVectors("points");
  auto call = std::make_shared<Call>(Call::Clock::now() - std::chrono::seconds(1));
  absl::Status status;
  absl::Notification done;
  points->Search({{.query = DocumentQuery{"a"}}}, std::nullopt, call,
                 [&](absl::StatusOr<std::vector<SearchAnswer>> answers) {
                   status = answers.status();
                   done.Notify();
                 });
  done.WaitForNotification();
  EXPECT_THAT(status, FailsWith(StatusCode::kDeadlineExceeded, "DEADLINE_EXCEEDED"));
}

}  // namespace
}  // namespace kith::engine
