// Searches over sealed and growing segments, against exact search and against an index of the same
// rows that was never sealed.

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/index_writer.h"
#include "index/measure_recall.h"
#include "index/recall_curve.h"
#include "index/search.h"
#include "tests/index/data.h"
#include "tests/index/sealed.h"

namespace kith::index {
namespace {

constexpr uint64_t kSeed = 5;
constexpr uint32_t kQuick = 40;  // ef_construction: good enough graphs, soon built

// Two indexes of the same rows: one is sealed and merged now and then, the other never.
class Twins {
 public:
  Twins(Metric metric, uint32_t dimension)
      : sealed_(*IndexWriter::Create({.dimension = dimension, .metric = metric})),
        growing_(*IndexWriter::Create({.dimension = dimension, .metric = metric})) {}

  void Add(uint32_t passage_index, const Vector& vector) {
    for (IndexWriter* writer : {sealed_.get(), growing_.get()}) {
      ASSERT_TRUE(writer->Reserve(1).ok());
      writer->Append(next_, passage_index, vector);
    }
    ++next_;
  }

  // Documents of 1 to 4 passages, holes between them.
  void AddDocuments(VectorMaker& maker, size_t rows) {
    for (size_t added = 0; added < rows;) {
      next_ += maker.random()() % 2;
      const uint32_t passages = 1 + static_cast<uint32_t>(maker.random()() % 4);
      for (uint32_t p = 0; p < passages; ++p, ++added) Add(p, maker.Next());
    }
  }

  void Delete(OrdinalRange range) { EXPECT_EQ(sealed_->Delete(range), growing_->Delete(range)); }

  // Segments [begin, end) of the sealed twin become one.
  void Seal(size_t begin, size_t end, const SegmentBuildOptions& options = {}) {
    sealed_->CloseGrowing();
    const IndexView view = sealed_->Publish();
    const auto from = view.segments().subspan(begin, end - begin);
    auto sealed = sealer_.Seal(view.options(), from, options);
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    ASSERT_TRUE(sealed_->Replace(from, *std::move(sealed)).ok());
  }
  void SealLast(const SegmentBuildOptions& options = {}) {
    sealed_->CloseGrowing();
    const size_t count = sealed_->Publish().segments().size();
    if (count > 0) Seal(count - 1, count, options);
  }

  IndexView sealed() { return sealed_->Publish(); }
  IndexView growing() { return growing_->Publish(); }
  IndexWriter& writer() { return *sealed_; }
  Sealer& sealer() { return sealer_; }
  uint64_t next() const { return next_; }

 private:
  Sealer sealer_;
  std::unique_ptr<IndexWriter> sealed_;
  std::unique_ptr<IndexWriter> growing_;
  uint64_t next_ = 10;
};

// Searches both; whatever is found must be right, and `recall` gets what share of the best it is.
void Compare(Twins& twins, SearchParams params, double* recall) {
  SearchScratch scratch;
  const IndexView sealed = twins.sealed();
  const IndexView growing = twins.growing();
  ASSERT_EQ(sealed.live_rows(), growing.live_rows());
  params.exact = true;
  const auto truth = Search(growing, params, Call::Background(), scratch);
  const auto exact = Search(sealed, params, Call::Background(), scratch);
  params.exact = false;
  const auto found = Search(sealed, params, Call::Background(), scratch);
  ASSERT_TRUE(truth.ok() && exact.ok() && found.ok()) << found.status();
  ASSERT_EQ(truth->hits, exact->hits) << "exact search does not depend on segments";
  ASSERT_EQ(found->hits.size(), truth->hits.size()) << "min(k, matches) hits come back";
  std::vector<uint64_t> ordinals;
  std::set<uint64_t> groups;
  for (size_t i = 0; i < found->hits.size(); ++i) {
    const Hit& hit = found->hits[i];
    ordinals.push_back(hit.ordinal);
    ASSERT_TRUE(groups.insert(params.group_by_document ? hit.document() : hit.ordinal).second);
    for (const OrdinalRange& range : params.exclude) ASSERT_FALSE(range.Contains(hit.ordinal));
    if (i > 0) {
      const Hit& better = found->hits[i - 1];
      ASSERT_TRUE(better.score > hit.score ||
                  (better.score == hit.score && better.ordinal < hit.ordinal));
    }
  }
  const auto scores = ExactScores(growing, params.queries, ordinals, Call::Background());
  ASSERT_TRUE(scores.ok());
  // Of documents it is asked which are found, not by which of their passages.
  std::set<uint64_t> documents;
  for (const Hit& hit : truth->hits) documents.insert(hit.document());
  size_t right = 0;
  for (size_t i = 0; i < found->hits.size(); ++i) {
    const Hit& hit = found->hits[i];
    ASSERT_EQ((*scores)[i], hit.score) << "a score is exact, and of a live row";
    right += hit.score >= truth->hits.back().score ||
             (params.group_by_document && documents.contains(hit.document()));
  }
  if (recall != nullptr && !truth->hits.empty()) {
    *recall = static_cast<double>(right) / static_cast<double>(truth->hits.size());
  }
}

class SealedSearchTest : public testing::TestWithParam<Metric> {};

TEST_P(SealedSearchTest, WhateverTheDataHitsAreRightAndAsManyAsThereAre) {
  for (const Family family : kFamilies) {
    if (family == Family::kDenormal && GetParam() == Metric::kCosine) continue;
    for (const uint32_t dimension : {1u, 2u, 33u}) {
      SCOPED_TRACE(testing::Message() << "family " << static_cast<int>(family) << " dimension "
                                      << dimension << " seed " << kSeed);
      VectorMaker maker(family, dimension, kSeed);
      Twins twins(GetParam(), dimension);
      constexpr CodeKind kKinds[] = {CodeKind::kInt4, CodeKind::kInt8, CodeKind::kF16,
                                     CodeKind::kF32};
      for (const CodeKind kind : kKinds) {
        twins.AddDocuments(maker, 200);
        twins.SealLast({.codes = kind, .ef_construction = kQuick});
      }
      twins.AddDocuments(maker, 100);
      twins.Delete({50, 90});
      twins.Delete({twins.next() - 120, twins.next() - 80});
      Vector queries = maker.Next();
      for (int count = 0; count < 2; ++count) {
        const std::vector<OrdinalRange> exclude = {{30, 60}, {55, 57}, {400, 400}, {500, 498}};
        for (const uint32_t k : {1u, 10u, 150u, 5000u}) {
          for (const bool grouped : {false, true}) {
            Compare(twins, {.queries = queries, .k = k, .group_by_document = grouped}, nullptr);
            Compare(twins,
                    {.queries = queries,
                     .k = k,
                     .ef = 20,
                     .group_by_document = grouped,
                     .exclude = exclude},
                    nullptr);
            if (HasFatalFailure()) return;
          }
        }
        const Vector more = maker.Next();
        queries.insert(queries.end(), more.begin(), more.end());
      }
    }
  }
}

TEST_P(SealedSearchTest, TheLargestDimensionWorks) {
  Twins twins(GetParam(), kMaxDimension);
  VectorMaker maker(Family::kGaussian, kMaxDimension, kSeed);
  twins.AddDocuments(maker, 60);
  twins.SealLast();
  twins.AddDocuments(maker, 20);
  const Vector query = maker.Next();
  for (const uint32_t k : {3u, 100u}) {
    Compare(twins, {.queries = query, .k = k}, nullptr);
    if (HasFatalFailure()) return;
  }
}

// Rows around centres, as embeddings are; queries of the same kind.
class Clusters {
 public:
  Clusters(uint32_t dimension, size_t clusters, uint64_t seed) : random_(seed) {
    for (size_t i = 0; i < clusters; ++i) centres_.push_back(Around(Vector(dimension), 1));
  }
  Vector Next() { return Around(centres_[random_() % centres_.size()], 0.35); }
  std::mt19937_64& random() { return random_; }

 private:
  Vector Around(Vector v, double spread) {
    for (float& x : v) x += static_cast<float>(spread * normal_(random_));
    return v;
  }

  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  std::vector<Vector> centres_;
};

double MeanRecall(Twins& twins, Clusters& data, const SearchParams& how, int queries) {
  double sum = 0;
  for (int i = 0; i < queries; ++i) {
    SearchParams params = how;
    const Vector query = data.Next();
    params.queries = query;
    double recall = 0;
    Compare(twins, params, &recall);
    if (testing::Test::HasFatalFailure()) return 0;
    sum += recall;
  }
  return sum / queries;
}

TEST_P(SealedSearchTest, ThePromisedRecallIsKeptOverSealedMergedAndGrowingSegments) {
  constexpr uint32_t kDimension = 48;
  Clusters data(kDimension, 60, kSeed);
  Twins twins(GetParam(), kDimension);
  for (int segment = 0; segment < 3; ++segment) {
    for (int i = 0; i < 3000; ++i) twins.Add(0, data.Next());
    twins.SealLast({.ef_construction = kQuick, .threads = 2});
    twins.Delete({twins.next() - 500, twins.next() - 300});
  }
  twins.Seal(1, 3, {.ef_construction = kQuick, .threads = 2});
  for (int i = 0; i < 500; ++i) twins.Add(0, data.Next());
  ASSERT_EQ(twins.sealed().segments().size(), 3u);
  for (const uint32_t k : {1u, 10u, 40u, 250u}) {
    for (const double target : {0.8, 0.97}) {
      const double recall = MeanRecall(twins, data, {.k = k, .target_recall = target}, 40);
      if (HasFatalFailure()) return;
      // Of 40 queries; the promise itself is of the mean over many.
      EXPECT_GE(recall, target - 0.025) << "k " << k;
    }
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(MeanRecall(twins, data, {.k = 10, .target_recall = 1}, 20), 1);
  EXPECT_GE(MeanRecall(twins, data, {.k = 10, .ef = 400}, 60), 0.99);
  EXPECT_GE(MeanRecall(twins, data, {.k = 10, .target_recall = 0.8, .ef_boost = 30}, 60), 0.98);
}

TEST_P(SealedSearchTest, ManySegmentsFindWhatIsPromisedForLessThanEachOfThemWould) {
  constexpr uint32_t kDimension = 48;
  Clusters data(kDimension, 60, kSeed);
  Twins twins(GetParam(), kDimension);
  for (int segment = 0; segment < 8; ++segment) {
    for (int i = 0; i < 1500; ++i) twins.Add(0, data.Next());
    twins.SealLast({.ef_construction = kQuick, .threads = 2});
  }
  const IndexView view = twins.sealed();
  for (const double target : {0.6, 0.9}) {
    const SearchParams promise = {.k = 10, .target_recall = target};
    EXPECT_GE(MeanRecall(twins, data, promise, 60), target - 0.025);
    if (HasFatalFailure()) return;
    SearchScratch scratch;
    double together = 0;
    double apart = 0;
    for (int i = 0; i < 60; ++i) {
      SearchParams params = promise;
      const Vector query = data.Next();
      params.queries = query;
      const auto of_all = Search(view, params, Call::Background(), scratch);
      ASSERT_TRUE(of_all.ok()) << of_all.status();
      together += static_cast<double>(of_all->rows_rescored);
      for (const SegmentView& segment : view.segments()) {
        const IndexView alone(view.options(), {segment}, 0);
        apart +=
            static_cast<double>(Search(alone, params, Call::Background(), scratch)->rows_rescored);
      }
    }
    EXPECT_LT(together, 0.7 * apart) << target;
  }
}

TEST_P(SealedSearchTest, ASegmentThatHoldsAllOfTheBestGivesThem) {
  constexpr uint32_t kDimension = 32;
  Twins twins(GetParam(), kDimension);
  std::vector<Clusters> kinds;
  for (uint64_t kind = 0; kind < 6; ++kind) kinds.emplace_back(kDimension, 8, kSeed + kind);
  for (Clusters& kind : kinds) {
    for (int i = 0; i < 1500; ++i) twins.Add(0, kind.Next());
    twins.SealLast({.ef_construction = kQuick, .threads = 2});
  }
  for (const uint32_t k : {10u, 100u}) {
    for (const double target : {0.8, 0.95}) {
      double recall = 0;
      for (Clusters& kind : kinds) {
        recall += MeanRecall(twins, kind, {.k = k, .target_recall = target}, 20) / 6;
        if (HasFatalFailure()) return;
      }
      EXPECT_GE(recall, target - 0.025) << "k " << k;
    }
  }
}

TEST_P(SealedSearchTest, DocumentsAreFoundAsRowsAre) {
  Clusters data(24, 30, kSeed);
  Twins twins(GetParam(), 24);
  for (int segment = 0; segment < 2; ++segment) {
    // Documents of up to 60 passages that are alike, so that few of the best rows are of new ones.
    for (int document = 0; document < 120; ++document) {
      const Vector base = data.Next();
      const uint32_t passages = 1 + static_cast<uint32_t>(data.random()() % 60);
      for (uint32_t p = 0; p < passages; ++p) {
        Vector v = base;
        v[p % 24] += 0.01f;
        twins.Add(p, v);
      }
    }
    twins.SealLast({.ef_construction = kQuick});
  }
  for (const uint32_t k : {1u, 5u, 20u, 300u}) {
    const double recall = MeanRecall(twins, data, {.k = k, .group_by_document = true}, 40);
    if (HasFatalFailure()) return;
    EXPECT_GE(recall, 0.87) << k;  // of 40 queries
  }
}

TEST_P(SealedSearchTest, ADocumentAcrossSealedAndGrowingSegmentsIsOneGroup) {
  Twins twins(GetParam(), 6);
  VectorMaker maker(Family::kGaussian, 6, kSeed);
  for (int i = 0; i < 300; ++i) twins.Add(0, maker.Next());
  const Vector wanted = maker.Next();
  for (uint32_t p = 0; p < 5; ++p) twins.Add(p, wanted);
  twins.SealLast();
  for (uint32_t p = 5; p < 9; ++p) twins.Add(p, wanted);
  twins.writer().CloseGrowing();
  for (uint32_t p = 9; p < 12; ++p) twins.Add(p, wanted);
  twins.SealLast();
  ASSERT_EQ(twins.sealed().segments().size(), 3u);
  for (const uint32_t k : {1u, 2u, 50u}) {
    Compare(twins, {.queries = wanted, .k = k, .group_by_document = true}, nullptr);
    if (HasFatalFailure()) return;
  }
}

TEST_P(SealedSearchTest, EqualVectorsAreAllFound) {
  Twins twins(GetParam(), 12);
  const Vector same(12, 0.5f);
  for (int i = 0; i < 3000; ++i) twins.Add(0, same);
  twins.SealLast({.ef_construction = kQuick});
  for (const uint32_t k : {1u, 100u, 2999u, 3000u, 4000u}) {
    Compare(twins, {.queries = same, .k = k}, nullptr);
    if (HasFatalFailure()) return;
  }
}

TEST_P(SealedSearchTest, WhenNearlyAllRowsAreDeletedTheRestIsFound) {
  Clusters data(16, 20, kSeed);
  Twins twins(GetParam(), 16);
  for (int i = 0; i < 5000; ++i) twins.Add(0, data.Next());
  twins.SealLast({.ef_construction = kQuick});
  std::mt19937_64 random(kSeed);
  for (uint64_t ordinal = 10; ordinal < twins.next(); ++ordinal) {
    if (random() % 250 != 0) twins.Delete({ordinal, ordinal + 1});
  }
  for (const uint32_t k : {1u, 10u, 100u}) {
    EXPECT_GE(MeanRecall(twins, data, {.k = k}, 20), 0.95) << k;
    EXPECT_GE(MeanRecall(twins, data, {.k = k, .ef = 100}, 20), 0.95) << k;
    if (HasFatalFailure()) return;
  }
}

TEST_P(SealedSearchTest, UnstructuredDataIsScannedRatherThanThePromiseBroken) {
  constexpr uint32_t kDimension = 128;
  VectorMaker maker(Family::kGaussian, kDimension, kSeed);
  Twins twins(GetParam(), kDimension);
  for (int i = 0; i < 8000; ++i) twins.Add(0, maker.Next());
  twins.SealLast({.m = 4, .ef_construction = 10, .threads = 2});
  double recall = 0;
  uint64_t scanned = 0;
  SearchScratch scratch;
  for (int i = 0; i < 40; ++i) {
    const Vector query = maker.Next();
    double one = 0;
    Compare(twins, {.queries = query, .k = 10}, &one);
    if (HasFatalFailure()) return;
    recall += one / 40;
    const auto found = Search(twins.sealed(), {.queries = query}, Call::Background(), scratch);
    scanned += found->segments_scanned;
  }
  EXPECT_GE(recall, 0.93);
  EXPECT_EQ(scanned, 40u);
}

TEST_P(SealedSearchTest, TheResultSaysWhatItCost) {
  Clusters data(32, 30, kSeed);
  Twins twins(GetParam(), 32);
  for (int i = 0; i < 6000; ++i) twins.Add(0, data.Next());
  twins.SealLast({.ef_construction = kQuick, .threads = 2});
  SearchScratch scratch;
  const Vector query = data.Next();
  const auto walked =
      Search(twins.sealed(), {.queries = query, .ef = 50}, Call::Background(), scratch);
  ASSERT_TRUE(walked.ok());
  EXPECT_EQ(walked->segments_walked, 1u);
  EXPECT_EQ(walked->segments_scanned, 0u);
  EXPECT_EQ(walked->rows_scanned, 0u);
  EXPECT_GE(walked->graph_distances, 50u);
  EXPECT_LT(walked->graph_distances, 6000u);
  EXPECT_GE(walked->rows_rescored, 10u);
  EXPECT_LE(walked->rows_rescored, 50u);
  const auto exact =
      Search(twins.sealed(), {.queries = query, .exact = true}, Call::Background(), scratch);
  ASSERT_TRUE(exact.ok());
  EXPECT_EQ(exact->segments_walked, 0u);
  EXPECT_EQ(exact->segments_scanned, 1u);
  EXPECT_EQ(exact->rows_scanned, 6000u);
}

TEST_P(SealedSearchTest, RecallIsMeasuredAndAdvised) {
  Clusters data(32, 50, kSeed);
  Twins twins(GetParam(), 32);
  for (int i = 0; i < 5000; ++i) twins.Add(0, data.Next());
  twins.SealLast({.ef_construction = kQuick, .threads = 2});
  for (int i = 0; i < 200; ++i) twins.Add(0, data.Next());
  const auto report =
      MeasureRecall(twins.sealed(), {.samples = 50, .search = {.k = 10}}, Call::Background());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->queries, 50u);
  EXPECT_GE(report->recall + 3 * report->recall_error, 0.95);
  EXPECT_EQ(report->target_met, report->recall + report->recall_error >= 0.95);
  EXPECT_LE(report->recall, 1);
  EXPECT_LE(report->recall_least, report->recall);
  EXPECT_GT(report->advised_ef, 0u);
  ASSERT_FALSE(report->curve.empty());
  EXPECT_GE(report->curve.back().recall, 0.95);
  EXPECT_LE(report->latency_us_p50, report->latency_us_p99);
  // With queries of one's own, exactly.
  Vector queries = data.Next();
  const Vector more = data.Next();
  queries.insert(queries.end(), more.begin(), more.end());
  const auto own = MeasureRecall(
      twins.sealed(), {.queries = queries, .search = {.k = 7, .exact = true}}, Call::Background());
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_EQ(own->queries, 2u);
  EXPECT_EQ(own->recall, 1);
}

INSTANTIATE_TEST_SUITE_P(EveryMetric, SealedSearchTest, testing::ValuesIn(kMetrics),
                         [](const auto& info) { return std::string(MetricName(info.param)); });

TEST(MeasureRecallTest, AnEmptyViewGivesAnEmptyReportAndBadRequestsAreRefused) {
  auto writer = *IndexWriter::Create({.dimension = 3, .metric = Metric::kL2});
  const auto report = MeasureRecall(writer->Publish(), {}, Call::Background());
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->queries, 0u);
  ASSERT_TRUE(writer->Reserve(1).ok());
  writer->Append(0, 0, Vector{1, 2, 3});
  const Vector wrong = {1, 2};
  EXPECT_EQ(
      MeasureRecall(writer->Publish(), {.queries = wrong}, Call::Background()).status().code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      MeasureRecall(writer->Publish(), {.search = {.k = 0}}, Call::Background()).status().code(),
      absl::StatusCode::kInvalidArgument);
}

TEST(SearchParamsTest, EveryNumberHasItsRange) {
  auto writer = *IndexWriter::Create({.dimension = 2, .metric = Metric::kL2});
  ASSERT_TRUE(writer->Reserve(1).ok());
  writer->Append(0, 0, Vector{1, 2});
  const Vector query = {1, 2};
  struct Case {
    SearchParams params;
    std::string field;  // empty: it is fine
  };
  const Case cases[] = {
      {{.queries = query, .target_recall = 0}, "target_recall"},
      {{.queries = query, .target_recall = -1}, "target_recall"},
      {{.queries = query, .target_recall = 1.01}, "target_recall"},
      {{.queries = query, .target_recall = NAN}, "target_recall"},
      {{.queries = query, .target_recall = 1}, ""},
      {{.queries = query, .target_recall = 1e-9}, ""},
      {{.queries = query, .ef = kMaxEf}, ""},
      {{.queries = query, .ef = kMaxEf + 1}, "ef"},
      {{.queries = query, .ef_boost = 0.24}, "ef_boost"},
      {{.queries = query, .ef_boost = 0.25}, ""},
      {{.queries = query, .ef_boost = HUGE_VAL}, "ef_boost"},
      {{.queries = query, .ef_boost = NAN}, "ef_boost"},
  };
  SearchScratch scratch;
  for (const Case& c : cases) {
    const absl::Status status =
        Search(writer->Publish(), c.params, Call::Background(), scratch).status();
    EXPECT_EQ(status.ok(), c.field.empty()) << status;
    EXPECT_EQ(DetailsOf(status).field, c.field);
  }
}

}  // namespace
}  // namespace kith::index
