// Words, hybrids, filters and groups through a whole database, against plain computations over the
// same documents.

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "fixture.h"
#include "server/engine/searching/fusion.h"

namespace kith::engine {
namespace {

using absl::StatusCode;
using index::CompareOp;
using index::Filter;
using testing::ElementsAre;
using testing::IsEmpty;

// Documents of random words with metadata, some of them deleted again.
class QueryTest : public DatabaseTest {
 protected:
  static constexpr std::array<const char*, 12> kWords = {
      "ant", "bear", "cat", "dog", "elk", "fox", "gnu", "hen", "ibis", "jay", "kiwi", "lynx"};

  void Fill(size_t count) {
    seed_ = std::random_device()();
    random_.seed(seed_);
    collection_ = CreateTexts("animals");
    std::vector<DocumentInput> inputs;
    for (size_t i = 0; i < count; ++i) {
      std::string text;
      for (size_t words = 1 + random_() % 12; words > 0; --words) {
        // The later words are rarer.
        text += std::string(kWords[std::min(random_() % 12, random_() % 12)]) + " ";
      }
      Metadata metadata = {{"n", static_cast<int64_t>(i)}};
      if (i % 5 != 0) metadata["color"] = std::string(1, static_cast<char>('a' + random_() % 7));
      texts_.push_back(text);
      metadata_.push_back(metadata);
      inputs.push_back(Text(Id(i), text, metadata));
    }
    for (size_t i = 0; i < count; i += 500) {
      const auto end = inputs.begin() + static_cast<std::ptrdiff_t>(std::min(i + 500, count));
      const std::vector<DocumentInput> batch(inputs.begin() + static_cast<std::ptrdiff_t>(i), end);
      ASSERT_TRUE(Upsert(*collection_, batch).ok());
    }
    std::vector<std::string> gone;
    for (size_t i = 0; i < count; i += 11) {
      gone.push_back(Id(i));
      deleted_.insert(i);
    }
    ASSERT_TRUE(Delete(*collection_, gone).ok());
  }

  static std::string Id(size_t i) { return "d" + std::to_string(i); }
  static size_t NumberOf(const SearchHit& hit) { return std::stoul(hit.document_id.substr(1)); }

  int64_t UpTo(int64_t most) { return 1 + static_cast<int64_t>(random_()) % most; }

  std::string Question() {
    std::string text;
    for (size_t words = 1 + random_() % 4; words > 0; --words) {
      text += std::string(kWords[random_() % 12]) + " ";
    }
    return text;
  }

  std::map<std::string, int> Count(const std::string& text) const {
    std::map<std::string, int> counts;
    for (size_t begin = 0; begin < text.size(); begin = text.find(' ', begin) + 1) {
      ++counts[text.substr(begin, text.find(' ', begin) - begin)];
    }
    return counts;
  }

  // BM25 of every document: deleted rows still count in the statistics.
  std::vector<double> Bm25(const std::string& question) const {
    double total = 0;
    std::map<std::string, int> rows_with;
    std::vector<std::map<std::string, int>> counts;
    std::vector<double> lengths;
    for (const std::string& text : texts_) {
      counts.push_back(Count(text));
      double length = 0;
      for (const auto& [word, count] : counts.back()) {
        ++rows_with[word];
        length += count;
      }
      lengths.push_back(length);
      total += length;
    }
    const auto rows = static_cast<double>(texts_.size());
    std::vector<double> scores(texts_.size());
    for (const auto& [word, unused] : Count(question)) {
      const double with = rows_with[word];
      const double idf = std::log(1 + (rows - with + 0.5) / (with + 0.5));
      for (size_t i = 0; i < texts_.size(); ++i) {
        const auto at = counts[i].find(word);
        if (at == counts[i].end()) continue;
        const double tf = at->second;
        scores[i] += idf * tf / (tf + 1.2 * (0.25 + 0.75 * lengths[i] / (total / rows)));
      }
    }
    return scores;
  }

  Filter RandomFilter() {
    const auto bound = static_cast<int64_t>(random_() % texts_.size());
    Filter number =
        Filter::Compare("n", random_() % 2 ? CompareOp::kLess : CompareOp::kGreater, bound);
    if (random_() % 2) return number;
    Filter color = Filter::Compare("color", CompareOp::kEqual,
                                   std::string(1, static_cast<char>('a' + random_() % 7)));
    if (random_() % 3 == 0) color = Filter::Not(std::move(color));
    if (random_() % 2) return Filter::And({std::move(number), std::move(color)});
    return Filter::Or({std::move(number), std::move(color)});
  }

  bool Matches(const Filter& filter, size_t i) const {
    const Metadata& row = metadata_[i];
    switch (filter.kind) {
      case Filter::Kind::kAnd:
        return Matches(filter.parts[0], i) && Matches(filter.parts[1], i);
      case Filter::Kind::kOr:
        return Matches(filter.parts[0], i) || Matches(filter.parts[1], i);
      case Filter::Kind::kNot:
        return !Matches(filter.parts[0], i);
      default:
        break;
    }
    if (filter.field == "n") {
      const auto bound = std::get<int64_t>(filter.values[0]);
      const auto n = static_cast<int64_t>(i);
      return filter.op == CompareOp::kLess ? n < bound : n > bound;
    }
    const auto color = row.find("color");
    return color != row.end() &&
           std::get<std::string>(color->second) == std::get<std::string>(filter.values[0]);
  }

  bool Answers(const std::optional<Filter>& filter, size_t i) const {
    return !deleted_.contains(i) && (!filter || Matches(*filter, i));
  }

  SearchAnswer Ask(SearchRequest request) {
    auto answer = Search(*collection_, std::move(request));
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *std::move(answer) : SearchAnswer();
  }

  uint32_t seed_ = 0;
  std::mt19937 random_;
  std::shared_ptr<Collection> collection_;
  std::vector<std::string> texts_;
  std::vector<Metadata> metadata_;
  std::set<size_t> deleted_;
};

TEST_F(QueryTest, WordsAreRankedByBm25UnderAnyFilter) {
  Fill(400);
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  for (int round = 0; round < 60; ++round) {
    SearchRequest request = {.query = LexicalQuery{Question()}, .limit = UpTo(500)};
    if (round % 2) request.filter = RandomFilter();
    const std::vector<double> scores = Bm25(std::get<LexicalQuery>(request.query).text);
    std::vector<size_t> expected;
    for (size_t i = 0; i < scores.size(); ++i) {
      if (scores[i] > 0 && Answers(request.filter, i)) expected.push_back(i);
    }
    const SearchAnswer found = Ask(request);
    ASSERT_EQ(found.hits.size(), std::min<size_t>(expected.size(), request.limit));
    EXPECT_EQ(found.exhausted, expected.size() < static_cast<size_t>(request.limit));
    EXPECT_EQ(found.strategy, Strategy::kPostings);
    std::sort(expected.begin(), expected.end(),
              [&](size_t a, size_t b) { return scores[a] > scores[b]; });
    for (size_t i = 0; i < found.hits.size(); ++i) {
      const size_t number = NumberOf(found.hits[i]);
      ASSERT_TRUE(Answers(request.filter, number));
      // Equal scores may stand in another order than the plain computation's rounding has them.
      ASSERT_NEAR(found.hits[i].passages[0].score, scores[number], 1e-5);
      ASSERT_NEAR(found.hits[i].passages[0].score, scores[expected[i]], 1e-5);
      EXPECT_FALSE(found.hits[i].passages[0].distance.has_value());
    }
  }
}

TEST_F(QueryTest, FiltersNeverMakeADenseAnswerShorterThanWhatMatches) {
  Fill(300);
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  for (int round = 0; round < 60; ++round) {
    SearchRequest request = {.query = TextQuery{Question()},
                             .filter = RandomFilter(),
                             .limit = UpTo(300),
                             .exact = round % 2 == 0};
    size_t matches = 0;
    for (size_t i = 0; i < texts_.size(); ++i) matches += Answers(request.filter, i);
    const SearchAnswer found = Ask(request);
    ASSERT_EQ(found.hits.size(), std::min<size_t>(matches, request.limit));
    std::set<size_t> seen;
    for (const SearchHit& hit : found.hits) {
      ASSERT_TRUE(Answers(request.filter, NumberOf(hit)));
      ASSERT_TRUE(seen.insert(NumberOf(hit)).second);
    }
  }
}

// What each part says alone, fused by the plain functions, is what the search says.
TEST_F(QueryTest, AHybridIsTheFusionOfItsParts) {
  Fill(300);
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  for (int round = 0; round < 40; ++round) {
    const std::string question = Question();
    HybridQuery hybrid = {.parts = {TextQuery{question}, LexicalQuery{question}},
                          .candidates = 50,
                          .fill_in = round % 2 == 0};
    if (round % 3 == 1) hybrid.fusion = RrfFusion{.k = 10, .weights = {0.5, 1}};
    if (round % 3 == 2) hybrid.fusion = WeightedFusion{.weights = {1, 3}};
    SearchRequest request = {.query = hybrid, .limit = 20, .exact = true};
    if (round % 4 == 3) request.filter = RandomFilter();
    const SearchAnswer found = Ask(request);

    std::array<std::map<size_t, float>, 2> alone;  // all that matches
    SearchRequest part = request;
    part.limit = 10'000;
    part.query = TextQuery{question};
    for (const SearchHit& hit : Ask(part).hits) alone[0][NumberOf(hit)] = hit.passages[0].score;
    part.query = LexicalQuery{question};
    for (const SearchHit& hit : Ask(part).hits) alone[1][NumberOf(hit)] = hit.passages[0].score;
    std::vector<std::vector<index::Hit>> lists(2);
    for (size_t p = 0; p < 2; ++p) {
      // Documents were written in the order of their numbers, which break ties.
      for (const auto& [number, score] : alone[p]) lists[p].push_back({number, 0, score});
      std::stable_sort(lists[p].begin(), lists[p].end(),
                       [](const auto& a, const auto& b) { return a.score > b.score; });
      if (lists[p].size() > 50) lists[p].resize(50);
    }
    FusionPool pool(lists);
    for (size_t p = 0; p < 2 && *hybrid.fill_in; ++p) {
      std::vector<std::optional<float>> scores;
      for (const uint64_t number : pool.Missing(p)) {
        const auto at = alone[p].find(number);
        scores.push_back(at == alone[p].end() ? std::nullopt : std::optional(at->second));
      }
      pool.Fill(p, scores, p == 1 ? std::optional(0.0f) : std::nullopt);
    }
    const auto expected =
        std::move(pool).Fuse(hybrid.fusion ? *hybrid.fusion : DefaultFusion(hybrid.parts));
    ASSERT_EQ(found.hits.size(), std::min<size_t>(20, expected.size()));
    for (size_t i = 0; i < found.hits.size(); ++i) {
      const ScoredPassage& passage = found.hits[i].passages[0];
      ASSERT_EQ(NumberOf(found.hits[i]), expected[i].hit.ordinal);
      ASSERT_EQ(passage.score, expected[i].hit.score);
      ASSERT_EQ(passage.parts.size(), 2u);
      float sum = 0;
      for (size_t p = 0; p < 2; ++p) {
        EXPECT_EQ(passage.parts[p].rank, expected[i].parts[p].rank);
        EXPECT_EQ(passage.parts[p].score, expected[i].parts[p].score);
        EXPECT_EQ(passage.parts[p].filled_in, expected[i].parts[p].filled_in);
        sum += passage.parts[p].contribution;
      }
      EXPECT_EQ(sum, passage.score);
    }
  }
}

TEST_F(QueryTest, PagesOfAHybridOfTheSameCandidatesFitTogether) {
  Fill(200);
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  const std::string question = Question();
  SearchRequest request = {
      .query =
          HybridQuery{.parts = {TextQuery{question}, LexicalQuery{question}}, .candidates = 120},
      .limit = 60};
  const std::vector<std::string> all = Ids(Ask(request));
  std::vector<std::string> pages;
  request.limit = 7;
  for (request.offset = 0; pages.size() < all.size(); request.offset += 7) {
    const std::vector<std::string> page = Ids(Ask(request));
    ASSERT_FALSE(page.empty());
    pages.insert(pages.end(), page.begin(), page.end());
  }
  pages.resize(all.size());
  EXPECT_EQ(pages, all);
}

// Groups are what grouping the whole ranking by hand gives.
TEST_F(QueryTest, GroupsByAFieldAreThoseOfTheWholeRanking) {
  Fill(300);
  SCOPED_TRACE(testing::Message() << "seed " << seed_);
  for (int round = 0; round < 30; ++round) {
    const std::string question = Question();
    SearchRequest request = {.query = TextQuery{question}, .limit = 10'000, .exact = true};
    if (round % 3 == 1) request.query = LexicalQuery{question};
    if (round % 3 == 2) {
      request.query = HybridQuery{.parts = {TextQuery{question}, LexicalQuery{question}},
                                  .fusion = RrfFusion{},
                                  .candidates = 10'000};
    }
    // Those without the field are not ranked.
    request.filter = Filter::Exists("color");
    if (round % 2) request.filter = Filter::And({Filter::Exists("color"), RandomFilter()});
    std::vector<std::pair<std::string, std::vector<size_t>>> expected;
    for (const SearchHit& hit : Ask(request).hits) {
      const auto color = hit.metadata.find("color");
      if (color == hit.metadata.end()) continue;
      const auto& value = std::get<std::string>(color->second);
      const auto at = std::find_if(expected.begin(), expected.end(),
                                   [&](const auto& group) { return group.first == value; });
      auto& group =
          at == expected.end() ? expected.emplace_back(value, std::vector<size_t>()) : *at;
      if (group.second.size() < 4) group.second.push_back(NumberOf(hit));
    }
    request.group_by = {GroupBy::Kind::kField, "color"};
    request.passages_per_group = 4;
    request.limit = UpTo(9);
    const SearchAnswer found = Ask(request);
    ASSERT_EQ(found.hits.size(), std::min<size_t>(request.limit, expected.size()));
    EXPECT_EQ(found.exhausted, expected.size() < static_cast<size_t>(request.limit));
    for (size_t i = 0; i < found.hits.size(); ++i) {
      EXPECT_EQ(found.hits[i].group, expected[i].first);
      std::vector<size_t> members;
      for (const ScoredPassage& passage : found.hits[i].passages) {
        members.push_back(std::stoul(passage.document_id.substr(1)));
      }
      // A hybrid group has those of its members that were among the candidates.
      if (round % 3 == 2) expected[i].second.resize(members.size());
      EXPECT_EQ(members, expected[i].second);
      EXPECT_EQ(found.hits[i].document_id, found.hits[i].passages[0].document_id);
    }
  }
}

TEST_F(QueryTest, FieldsThatCannotMakeGroupsAreRefused) {
  Fill(20);
  SearchRequest request = {.query = LexicalQuery{"cat"}, .group_by = {GroupBy::Kind::kField, "n"}};
  EXPECT_THAT(Search(*collection_, request).status(),
              FailsWith(StatusCode::kInvalidArgument, "FILTER_TYPE"));
  request.group_by.field = "";
  EXPECT_THAT(Search(*collection_, request).status(),
              FailsWith(StatusCode::kInvalidArgument, "INVALID_REQUEST"));
  request.group_by.field = "unheard";
  EXPECT_THAT(Ids(*Search(*collection_, request)), IsEmpty());
}

TEST_F(QueryTest, AQuestionWithoutWordsFindsNothing) {
  Fill(20);
  const SearchAnswer found = Ask({.query = LexicalQuery{"... !?"}});
  EXPECT_THAT(found.hits, IsEmpty());
  EXPECT_TRUE(found.exhausted);
}

TEST_F(QueryTest, HybridsThatCannotBeFusedAreRefused) {
  Fill(5);
  const auto reason_of = [&](const HybridQuery& query) {
    const absl::Status status = Search(*collection_, {.query = query}).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return DetailsOf(status).reason;
  };
  EXPECT_EQ(reason_of({}), "LIMIT_OUT_OF_RANGE");
  EXPECT_EQ(reason_of({.parts = std::vector<HybridQuery::Part>(kHybridPartsMax + 1,
                                                               LexicalQuery{"cat"})}),
            "LIMIT_OUT_OF_RANGE");
  EXPECT_EQ(reason_of({.parts = {LexicalQuery{"cat"}}, .candidates = 9}), "LIMIT_OUT_OF_RANGE");
  EXPECT_EQ(reason_of({.parts = {LexicalQuery{"cat"}}, .candidates = 10'001}),
            "LIMIT_OUT_OF_RANGE");
  EXPECT_EQ(reason_of({.parts = {LexicalQuery{"cat"}}, .fusion = RrfFusion{.weights = {1, 1}}}),
            "INVALID_REQUEST");
  EXPECT_EQ(reason_of({.parts = {LexicalQuery{" "}}}), "EMPTY_TEXT");
}

TEST_F(QueryTest, AFilterOfTheWrongTypeNamesFieldAndTypes) {
  Fill(5);
  const absl::Status status =
      Search(*collection_, {.query = LexicalQuery{"cat"},
                            .filter = Filter::Compare("n", CompareOp::kEqual, "five")})
          .status();
  EXPECT_THAT(status, FailsWith(StatusCode::kInvalidArgument, "FILTER_TYPE"));
}

}  // namespace
}  // namespace kith::engine
