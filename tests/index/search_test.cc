#include "index/search.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "index/index_writer.h"
#include "kith/base/error.h"
#include "tests/index/data.h"

namespace kith::index {
namespace {

constexpr uint64_t kSeed = 42;

// An index, and beside it what was put in, for the oracle.
class Fixture {
 public:
  struct Row {
    uint64_t ordinal;
    uint32_t passage_index;
    Vector vector;
  };

  Fixture(Metric metric, uint32_t dimension, const Kernels* kernels = &BestKernels())
      : metric_(metric),
        writer_(
            *IndexWriter::Create({.dimension = dimension, .metric = metric, .kernels = kernels})) {}

  void Add(uint64_t ordinal, uint32_t passage_index, Vector vector) {
    ASSERT_TRUE(writer_->Reserve(1).ok());
    writer_->Append(ordinal, passage_index, vector);
    rows_.push_back({ordinal, passage_index, std::move(vector)});
  }

  // Documents of 1 to 5 passages, with holes between.
  void AddDocuments(VectorMaker& maker, size_t rows) {
    while (rows_.size() < rows) {
      next_ += maker.random()() % 3;
      const uint32_t passages = 1 + static_cast<uint32_t>(maker.random()() % 5);
      for (uint32_t p = 0; p < passages; ++p) Add(next_++, p, maker.Next());
    }
  }

  void Delete(OrdinalRange range) {
    writer_->Delete(range);
    std::erase_if(rows_, [&](const Row& row) { return range.Contains(row.ordinal); });
  }

  absl::StatusOr<SearchResult> Find(SearchParams params) {
    return Search(writer_->Publish(), params, Call::Background(), scratch_);
  }

  // Fails unless both ways of searching give the same, and the oracle agrees.
  void ExpectRight(SearchParams params) {
    params.exact = false;
    const auto by_codes = Find(params);
    params.exact = true;
    const auto exact = Find(params);
    ASSERT_TRUE(by_codes.ok()) << by_codes.status();
    ASSERT_TRUE(exact.ok()) << exact.status();
    ASSERT_EQ(by_codes->hits, exact->hits);
    ExpectOracleAgrees(params, exact->hits);
  }

  const std::vector<Row>& rows() const { return rows_; }
  IndexWriter& writer() { return *writer_; }

 private:
  struct Scored {
    long double score;
    long double tolerance;
    uint64_t ordinal;
    uint64_t group;
  };

  Scored Score(const SearchParams& params, const Row& row) const {
    Scored scored = {-HUGE_VALL, 0, row.ordinal,
                     params.group_by_document ? row.ordinal - row.passage_index : row.ordinal};
    const size_t dimension = row.vector.size();
    for (size_t q = 0; q < params.queries.size(); q += dimension) {
      const auto query = params.queries.subspan(q, dimension);
      const long double score = OracleScore(metric_, query, row.vector);
      scored.score = std::max(scored.score, score);
      scored.tolerance =
          std::max(scored.tolerance, OracleTolerance(metric_, query, row.vector, score));
    }
    return scored;
  }

  void ExpectOracleAgrees(const SearchParams& params, const std::vector<Hit>& hits) const {
    std::vector<Scored> all;
    for (const Row& row : rows_) {
      const bool excluded =
          std::any_of(params.exclude.begin(), params.exclude.end(),
                      [&](const OrdinalRange& range) { return range.Contains(row.ordinal); });
      if (!excluded) all.push_back(Score(params, row));
    }
    std::sort(all.begin(), all.end(), [](const Scored& a, const Scored& b) {
      return a.score != b.score ? a.score > b.score : a.ordinal < b.ordinal;
    });
    std::set<uint64_t> groups;
    std::vector<Scored> expected;
    for (const Scored& s : all) {
      if (expected.size() == params.k) break;
      if (groups.insert(s.group).second) expected.push_back(s);
    }
    ASSERT_EQ(hits.size(), expected.size());
    std::set<uint64_t> answered;
    for (size_t i = 0; i < hits.size(); ++i) {
      const Hit& hit = hits[i];
      ASSERT_FALSE(std::isnan(hit.score));
      if (metric_ == Metric::kCosine) {
        ASSERT_LE(std::fabs(hit.score), 1.0f);
      }
      const auto own = std::find_if(all.begin(), all.end(),
                                    [&](const Scored& s) { return s.ordinal == hit.ordinal; });
      ASSERT_NE(own, all.end()) << "hit " << hit.ordinal << " should not be there";
      ASSERT_TRUE(answered.insert(own->group).second) << "twice: " << own->group;
      const long double tolerance = std::max(own->tolerance, expected[i].tolerance);
      ASSERT_LE(std::fabs(hit.score - expected[i].score), tolerance) << "rank " << i;
      ASSERT_LE(std::fabs(hit.score - own->score), own->tolerance) << "rank " << i;
      if (i > 0) {
        const Hit& better = hits[i - 1];
        ASSERT_TRUE(better.score > hit.score ||
                    (better.score == hit.score && better.ordinal < hit.ordinal))
            << "order at rank " << i;
      }
    }
  }

  const Metric metric_;
  std::unique_ptr<IndexWriter> writer_;
  SearchScratch scratch_;
  std::vector<Row> rows_;
  uint64_t next_ = 0;
};

void SearchEveryWay(Metric metric, Family family, uint32_t dimension, size_t rows) {
  SCOPED_TRACE(testing::Message() << MetricName(metric) << " family " << static_cast<int>(family)
                                  << " dimension " << dimension << " seed " << kSeed);
  VectorMaker maker(family, dimension, kSeed);
  Fixture index(metric, dimension);
  index.AddDocuments(maker, rows);
  const uint64_t doomed = index.rows()[rows / 3].ordinal;
  index.Delete({doomed, doomed + 7});
  const Fixture::Row about = index.rows()[rows / 2];
  for (const size_t queries : {1, 3}) {
    Vector asked = about.vector;
    while (asked.size() < queries * dimension) {
      const Vector more = maker.Next();
      asked.insert(asked.end(), more.begin(), more.end());
    }
    const std::vector<OrdinalRange> exclude = {{about.ordinal, about.ordinal + 3}, {5, 6}};
    for (const uint32_t k : {1u, 10u, static_cast<uint32_t>(rows) + 50}) {
      for (const bool grouped : {false, true}) {
        index.ExpectRight({.queries = asked, .k = k, .group_by_document = grouped});
        index.ExpectRight(
            {.queries = asked, .k = k, .group_by_document = grouped, .exclude = exclude});
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

class SearchTest : public testing::TestWithParam<Metric> {};

TEST_P(SearchTest, CodesExactVectorsAndOracleAgreeOnEveryFamilyOfData) {
  for (Family family : kFamilies) {
    if (family == Family::kDenormal && GetParam() == Metric::kCosine) continue;
    for (const uint32_t dimension : {1u, 2u, 33u, 384u}) {
      SearchEveryWay(GetParam(), family, dimension, 300);
      if (HasFatalFailure()) return;
    }
    SearchEveryWay(GetParam(), family, 4096, 40);
    if (HasFatalFailure()) return;
  }
}

TEST_P(SearchTest, EverySetOfKernelsGivesTheSameScoresBitForBit) {
  VectorMaker maker(Family::kGaussian, 100, kSeed);
  std::vector<Vector> rows(400);
  for (Vector& row : rows) row = maker.Next();
  const Vector query = maker.Next();
  std::vector<Hit> first;
  for (const Kernels* kernels : AvailableKernels()) {
    Fixture index(GetParam(), 100, kernels);
    for (size_t i = 0; i < rows.size(); ++i) index.Add(i, 0, rows[i]);
    for (const bool exact : {false, true}) {
      const auto result = index.Find({.queries = query, .k = 50, .exact = exact});
      ASSERT_TRUE(result.ok());
      if (first.empty()) first = result->hits;
      EXPECT_EQ(result->hits, first) << kernels->name;
    }
  }
}

TEST_P(SearchTest, TenThousandIdenticalVectorsGiveDistinctRowsInTheOrderOfOrdinals) {
  Fixture index(GetParam(), 24);
  const Vector same(24, 0.3f);
  for (uint64_t i = 0; i < 10000; ++i) index.Add(2 * i, 0, same);
  for (const bool exact : {false, true}) {
    for (const uint32_t k : {1u, 100u, 9000u, 20000u}) {
      const auto result = index.Find({.queries = same, .k = k, .exact = exact});
      ASSERT_TRUE(result.ok());
      ASSERT_EQ(result->hits.size(), std::min(k, 10000u));
      for (size_t i = 0; i < result->hits.size(); ++i) {
        ASSERT_EQ(result->hits[i].ordinal, 2 * i);
        ASSERT_EQ(result->hits[i].score, result->hits[0].score);
      }
    }
  }
}

TEST_P(SearchTest, CodesLeaveFewRowsToRescore) {
  VectorMaker maker(Family::kGaussian, 384, kSeed);
  Fixture index(GetParam(), 384);
  for (uint64_t i = 0; i < 4000; ++i) index.Add(i, 0, maker.Next());
  const auto result = index.Find({.queries = maker.Next(), .k = 10});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->rows_scanned, 4000u);
  EXPECT_GE(result->rows_rescored, 10u);
  EXPECT_LE(result->rows_rescored, 200u);
}

TEST_P(SearchTest, ADocumentAcrossTwoSegmentsIsOneGroup) {
  // 1,024 rows a segment at this dimension: the document of rows 1020..1029 lies in two.
  constexpr uint32_t kDimension = 4096;
  Fixture index(GetParam(), kDimension);
  VectorMaker maker(Family::kGaussian, kDimension, kSeed);
  const Vector wanted = maker.Next();
  for (uint64_t i = 0; i < 1040; ++i) {
    const bool inside = i >= 1020 && i < 1030;
    Vector v = inside ? wanted : maker.Next();
    if (inside) v[0] += static_cast<float>(1030 - i);
    index.Add(i, inside ? static_cast<uint32_t>(i - 1020) : 0, std::move(v));
  }
  ASSERT_EQ(index.writer().Publish().segments().size(), 2u);
  index.ExpectRight({.queries = wanted, .k = 5, .group_by_document = true});
  index.ExpectRight({.queries = wanted, .k = 15});
}

TEST_P(SearchTest, CrowdedDocumentsAreGroupedRightBeyondTheLimitOfCandidates) {
  // More candidates than the scan keeps, all nearly alike, in documents of very different sizes.
  Fixture index(GetParam(), 8);
  VectorMaker maker(Family::kOneUlpApart, 8, kSeed);
  uint64_t ordinal = 0;
  for (uint32_t document = 0; ordinal < 30000; ++document) {
    const uint32_t passages = document == 3 ? 9000 : 1 + document % 7;
    for (uint32_t p = 0; p < passages; ++p) index.Add(ordinal++, p, maker.Next());
  }
  const Vector query = maker.Next();
  for (const bool grouped : {false, true}) {
    for (const uint32_t k : {25u, 4000u}) {
      SearchParams params = {.queries = query, .k = k, .group_by_document = grouped};
      const auto by_codes = index.Find(params);
      params.exact = true;
      const auto exact = index.Find(params);
      ASSERT_TRUE(by_codes.ok() && exact.ok());
      EXPECT_EQ(by_codes->hits, exact->hits) << "grouped " << grouped << " k " << k;
    }
  }
}

TEST_P(SearchTest, AVectorFindsItself) {
  VectorMaker maker(Family::kGaussian, 64, kSeed);
  Fixture index(GetParam(), 64);
  index.AddDocuments(maker, 200);
  for (size_t i = 0; i < 200; i += 17) {
    const Vector& self = index.rows()[i].vector;
    const auto result = index.Find({.queries = self, .k = 1});
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->hits[0].ordinal, index.rows()[i].ordinal);
    const float expected = static_cast<float>(OracleScore(GetParam(), self, self));
    EXPECT_FLOAT_EQ(result->hits[0].score, expected);
  }
}

TEST_P(SearchTest, ExactScoresEqualThoseOfTheSearchAndFlagAbsentRows) {
  VectorMaker maker(Family::kGaussian, 48, kSeed);
  Fixture index(GetParam(), 48);
  index.AddDocuments(maker, 100);
  const uint64_t gone = index.rows()[10].ordinal;
  index.Delete({gone, gone + 1});
  Vector queries = maker.Next();
  const Vector second = maker.Next();
  queries.insert(queries.end(), second.begin(), second.end());
  const auto found = index.Find({.queries = queries, .k = 20});
  ASSERT_TRUE(found.ok());
  std::vector<uint64_t> ordinals = {gone, uint64_t{1} << 60};
  for (const Hit& hit : found->hits) ordinals.push_back(hit.ordinal);
  const auto scores = ExactScores(index.writer().Publish(), queries, ordinals, Call::Background());
  ASSERT_TRUE(scores.ok());
  ASSERT_EQ(scores->size(), ordinals.size());
  EXPECT_EQ((*scores)[0], std::nullopt);
  EXPECT_EQ((*scores)[1], std::nullopt);
  for (size_t i = 0; i < found->hits.size(); ++i) {
    EXPECT_EQ((*scores)[i + 2], found->hits[i].score);
  }
}

TEST_P(SearchTest, AnEmptyIndexAnswersWithNothing) {
  Fixture index(GetParam(), 3);
  for (const bool exact : {false, true}) {
    const auto result = index.Find({.queries = Vector{1, 2, 3}, .k = 10, .exact = exact});
    ASSERT_TRUE(result.ok());
    EXPECT_TRUE(result->hits.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(EveryMetric, SearchTest, testing::ValuesIn(kMetrics),
                         [](const auto& info) { return std::string(MetricName(info.param)); });

TEST(SearchErrorTest, BadRequestsAreRefusedByReason) {
  Fixture index(Metric::kCosine, 2);
  index.Add(0, 0, {1, 2});
  struct Case {
    Vector queries;
    uint32_t k;
    std::string reason;
    std::string field;
  };
  const Case cases[] = {
      {{}, 1, "DIMENSION_MISMATCH", "queries"},
      {{1}, 1, "DIMENSION_MISMATCH", "queries"},
      {{1, 2, 3}, 1, "DIMENSION_MISMATCH", "queries"},
      {{1, 2, NAN, 4}, 1, "VECTOR_NOT_FINITE", "queries[1][0]"},
      {{0, 0}, 1, "ZERO_VECTOR", "queries[0]"},
      {{1, 2}, 0, "LIMIT_OUT_OF_RANGE", "k"},
  };
  for (const Case& c : cases) {
    const absl::Status status = index.Find({.queries = c.queries, .k = c.k}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.reason;
    EXPECT_EQ(DetailsOf(status).reason, c.reason);
    EXPECT_EQ(DetailsOf(status).field, c.field);
  }
}

TEST(SearchErrorTest, GivesUpWhenNobodyWaits) {
  Fixture index(Metric::kCosine, 2);
  index.Add(0, 0, {1, 2});
  Call call;
  call.Cancel();
  SearchScratch scratch;
  const Vector query = {1, 2};
  const IndexView view = index.writer().Publish();
  for (const bool exact : {false, true}) {
    const SearchParams params = {.queries = query, .exact = exact};
    EXPECT_EQ(Search(view, params, call, scratch).status().code(), absl::StatusCode::kCancelled);
  }
  const std::vector<uint64_t> ordinals = {0};
  EXPECT_EQ(ExactScores(view, query, ordinals, call).status().code(), absl::StatusCode::kCancelled);
  // The scratch is as good as new.
  const auto result = Search(view, {.queries = query}, Call::Background(), scratch);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->hits.size(), 1u);
}

}  // namespace
}  // namespace kith::index
