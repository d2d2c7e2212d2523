// Filtered searches, over growing and sealed segments with deletes and exclusions, against a search
// of an index that holds nothing but what the filter lets through.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/index_writer.h"
#include "index/sealed_parts.h"
#include "index/search.h"
#include "index/slot_set.h"
#include "tests/index/data.h"
#include "tests/index/sealed.h"

namespace kith::index {
namespace {

constexpr uint64_t kSeed = 11;
constexpr uint32_t kQuick = 40;  // ef_construction: good enough graphs, soon built

// The sets of a filter over a view, one a segment; those of no row are null at times.
struct Filter {
  std::vector<std::unique_ptr<SlotSet>> sets;
  std::vector<const SlotSet*> allow;
};

class Fixture {
 public:
  Fixture(Metric metric, uint32_t dimension)
      : options_{.dimension = dimension, .metric = metric},
        writer_(*IndexWriter::Create(options_)) {}

  void Add(uint32_t passage_index, const Vector& vector) {
    ASSERT_TRUE(writer_->Reserve(1).ok());
    writer_->Append(next_, passage_index, vector);
    rows_[next_++] = {passage_index, vector};
  }

  // Documents of 1 to 4 passages, holes between them.
  template <typename Maker>
  void AddDocuments(Maker& maker, size_t rows) {
    for (size_t added = 0; added < rows;) {
      next_ += maker.random()() % 2;
      const uint32_t passages = 1 + static_cast<uint32_t>(maker.random()() % 4);
      for (uint32_t p = 0; p < passages; ++p, ++added) Add(p, maker.Next());
    }
  }

  void SealLast(const SegmentBuildOptions& options = {.ef_construction = kQuick}) {
    writer_->CloseGrowing();
    const IndexView view = writer_->Publish();
    const auto last = view.segments().last(1);
    auto sealed = sealer_.Seal(options_, last, options);
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    ASSERT_TRUE(writer_->Replace(last, *std::move(sealed)).ok());
  }

  void Delete(OrdinalRange range) {
    writer_->Delete(range);
    for (uint64_t o = range.begin; o < range.end; ++o) deleted_.insert(o);
  }

  // `lets_through(ordinal)`, deleted rows as well.
  template <typename LetsThrough>
  Filter MakeFilter(const LetsThrough& lets_through) {
    Filter filter;
    const IndexView view = writer_->Publish();
    for (const SegmentView& segment : view.segments()) {
      std::vector<uint32_t> slots;
      for (uint32_t slot = 0; slot < segment.visible; ++slot) {
        if (lets_through(segment.Ordinal(slot))) slots.push_back(slot);
      }
      const bool null = slots.empty() && filter.sets.size() % 2 == 0;
      filter.sets.push_back(null ? nullptr
                                 : std::make_unique<SlotSet>(SlotSet::Of(segment.visible, slots)));
      filter.allow.push_back(filter.sets.back().get());
    }
    return filter;
  }

  // The right answer: exact search among the rows let through, and nothing else.
  template <typename LetsThrough>
  std::vector<Hit> Truth(SearchParams params, const LetsThrough& lets_through) {
    const auto writer = *IndexWriter::Create(options_);
    for (const auto& [ordinal, row] : rows_) {
      if (deleted_.contains(ordinal) || !lets_through(ordinal)) continue;
      EXPECT_TRUE(writer->Reserve(1).ok());
      writer->Append(ordinal, row.passage_index, row.vector);
    }
    params.exact = true;
    params.allow = {};
    SearchScratch scratch;
    return Search(writer->Publish(), params, Call::Background(), scratch)->hits;
  }

  // Fails unless every hit is right, as many come as there are, and exact search finds the truth.
  // Returns the share of the truth that was found.
  template <typename LetsThrough>
  double Check(SearchParams params, const LetsThrough& lets_through) {
    const Filter filter = MakeFilter(lets_through);
    const std::vector<Hit> truth = Truth(params, lets_through);
    params.allow = filter.allow;
    auto exact_params = params;
    exact_params.exact = true;
    const IndexView view = writer_->Publish();
    const auto exact = Search(view, exact_params, Call::Background(), scratch_);
    const auto found = Search(view, params, Call::Background(), scratch_);
    EXPECT_TRUE(exact.ok() && found.ok()) << found.status();
    if (!exact.ok() || !found.ok()) return 0;
    EXPECT_EQ(exact->hits, truth) << "exact search keeps to the filter";
    EXPECT_EQ(found->hits.size(), truth.size()) << "min(k, matches) hits come back";
    result_ = *found;
    std::set<uint64_t> documents;
    std::vector<uint64_t> ordinals;
    for (const Hit& hit : truth) documents.insert(hit.document());
    size_t right = 0;
    for (const Hit& hit : found->hits) {
      EXPECT_TRUE(lets_through(hit.ordinal) && !deleted_.contains(hit.ordinal)) << hit.ordinal;
      for (const OrdinalRange& range : params.exclude) EXPECT_FALSE(range.Contains(hit.ordinal));
      ordinals.push_back(hit.ordinal);
      right += hit.score >= truth.back().score ||
               (params.group_by_document && documents.contains(hit.document()));
    }
    const auto scores = ExactScores(view, params.queries, ordinals, Call::Background());
    EXPECT_TRUE(scores.ok());
    for (size_t i = 0; i < found->hits.size(); ++i) {
      EXPECT_EQ((*scores)[i], found->hits[i].score);
    }
    return truth.empty() ? 1 : static_cast<double>(right) / static_cast<double>(truth.size());
  }

  const SearchResult& result() const { return result_; }
  const SealedSegment& sealed() const { return *writer_->Publish().segments()[0].sealed; }
  uint64_t next() const { return next_; }

 private:
  struct Row {
    uint32_t passage_index;
    Vector vector;
  };

  const IndexOptions options_;
  Sealer sealer_;
  std::unique_ptr<IndexWriter> writer_;
  std::map<uint64_t, Row> rows_;
  std::set<uint64_t> deleted_;
  SearchScratch scratch_;
  SearchResult result_;
  uint64_t next_ = 10;
};

// A filter that has nothing to do with vectors: about `share` of the documents or rows.
struct ByChance {
  double share;
  uint64_t seed;
  uint64_t run;  // rows that share a fate

  bool operator()(uint64_t ordinal) const {
    uint64_t z = (ordinal / run + seed) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z ^= z >> 27;
    return static_cast<double>(z % 1000003) < share * 1000003;
  }
};

class FilteredSearchTest : public testing::TestWithParam<Metric> {};

TEST_P(FilteredSearchTest, WhateverTheDataAndTheFilterHitsAreRightAndAsManyAsThereAre) {
  for (const Family family : kFamilies) {
    if (family == Family::kDenormal && GetParam() == Metric::kCosine) continue;
    SCOPED_TRACE(testing::Message() << "family " << static_cast<int>(family) << " seed " << kSeed);
    constexpr uint32_t kDimension = 9;
    VectorMaker maker(family, kDimension, kSeed);
    Fixture index(GetParam(), kDimension);
    for (const CodeKind kind : {CodeKind::kInt4, CodeKind::kF32}) {
      index.AddDocuments(maker, 300);
      index.SealLast({.codes = kind, .ef_construction = kQuick});
    }
    index.AddDocuments(maker, 400);
    index.Delete({50, 90});
    index.Delete({index.next() - 120, index.next() - 80});
    Vector queries = maker.Next();
    const std::vector<OrdinalRange> exclude = {{30, 60}, {55, 57}, {400, 400}, {500, 498}};
    uint64_t seed = kSeed;
    for (int count = 0; count < 2; ++count) {
      for (const double share : {1.0, 0.5, 0.1, 0.01, 0.0}) {
        for (const uint32_t k : {1u, 10u, 150u, 5000u}) {
          const ByChance filter = {share, ++seed, seed % 3 == 0 ? 40u : 1u};
          const bool grouped = seed % 2 == 0;
          index.Check({.queries = queries, .k = k, .group_by_document = grouped}, filter);
          index.Check({.queries = queries,
                       .k = k,
                       .ef = 20,
                       .group_by_document = grouped,
                       .exclude = exclude},
                      filter);
          if (HasFailure()) return;
        }
      }
      const Vector more = maker.Next();
      queries.insert(queries.end(), more.begin(), more.end());
    }
  }
}

// Rows around centres, as embeddings are; queries of the same kind.
class Clusters {
 public:
  Clusters(uint32_t dimension, uint32_t clusters, uint64_t seed) : random_(seed) {
    for (uint32_t i = 0; i < clusters; ++i) centres_.push_back(Around(Vector(dimension), 1));
  }
  Vector Next() {
    last_ = static_cast<uint32_t>(random_() % centres_.size());
    return Around(centres_[last_], 0.35);
  }
  uint32_t last() const { return last_; }  // the cluster that Next took
  std::mt19937_64& random() { return random_; }

 private:
  Vector Around(Vector v, double spread) {
    for (float& x : v) x += static_cast<float>(spread * normal_(random_));
    return v;
  }

  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  std::vector<Vector> centres_;
  uint32_t last_ = 0;
};

TEST_P(FilteredSearchTest, ThePromisedRecallIsKeptWhereverTheFilterLies) {
  constexpr uint32_t kDimension = 32;
  constexpr uint32_t kClusters = 50;
  Clusters data(kDimension, kClusters, kSeed);
  Fixture index(GetParam(), kDimension);
  std::map<uint64_t, uint32_t> cluster_of;
  for (int i = 0; i < 12000; ++i) {
    const Vector row = data.Next();
    cluster_of[index.next()] = data.last();
    index.Add(0, row);
    if (i == 8000) index.SealLast({.ef_construction = kQuick, .threads = 2});
  }
  index.Delete({100, 700});
  constexpr int kQueries = 25;
  for (const double share : {0.5, 0.2, 0.1, 0.05, 0.01, 0.001}) {
    double random = 0, near = 0, far = 0;
    for (int i = 0; i < kQueries; ++i) {
      const Vector query = data.Next();
      const uint32_t home = data.last();
      const SearchParams params = {.queries = query, .k = 10, .target_recall = 0.95};
      const ByChance chance = {share, static_cast<uint64_t>(i), 1};
      random += index.Check(params, chance);
      // Of clusters: that of the query first, or last.
      const auto ring = [&](uint64_t ordinal, uint32_t from) {
        return (cluster_of[ordinal] + kClusters - from) % kClusters < share * kClusters;
      };
      near += index.Check(params, [&](uint64_t o) { return ring(o, home); });
      far += index.Check(params,
                         [&](uint64_t o) { return ring(o, home + 1) && cluster_of[o] != home; });
      if (HasFailure()) return;
    }
    // Of 25 queries; the promise itself is of the mean over many.
    EXPECT_GE(random / kQueries, 0.92) << share;
    EXPECT_GE(near / kQueries, 0.92) << share;
    EXPECT_GE(far / kQueries, 0.92) << share;
  }
}

// Of rows so long that sketches are worth their bytes; under dot there are none.
TEST_P(FilteredSearchTest, ThePromisedRecallIsKeptBySketches) {
  constexpr uint32_t kDimension = 384;
  constexpr uint32_t kClusters = 25;
  Clusters data(kDimension, kClusters, kSeed);
  Fixture index(GetParam(), kDimension);
  std::map<uint64_t, uint32_t> cluster_of;
  for (int i = 0; i < 5000; ++i) {
    const Vector row = data.Next();
    cluster_of[index.next()] = data.last();
    index.Add(0, row);
  }
  index.SealLast({.m = 8, .ef_construction = 20, .threads = 2});
  ASSERT_EQ(index.sealed().parts().sketch_book.has_value(), GetParam() != Metric::kDot);
  if (GetParam() == Metric::kDot) return;
  index.Delete({100, 400});
  constexpr int kQueries = 12;
  for (const double share : {0.6, 0.2, 0.04}) {
    double random = 0, far = 0;
    for (int i = 0; i < kQueries; ++i) {
      const Vector query = data.Next();
      const uint32_t home = data.last();
      const SearchParams params = {.queries = query, .k = 10, .target_recall = 0.95};
      random += index.Check(params, ByChance{share, static_cast<uint64_t>(i), 1});
      far += index.Check(params, [&](uint64_t ordinal) {
        return cluster_of[ordinal] != home && cluster_of[ordinal] < share * kClusters;
      });
      if (HasFailure()) return;
    }
    EXPECT_GE(random / kQueries, 0.92) << share;
    EXPECT_GE(far / kQueries, 0.92) << share;
  }
}

TEST_P(FilteredSearchTest, TheResultSaysHowItWasDone) {
  Clusters data(32, 40, kSeed);
  Fixture index(GetParam(), 32);
  for (int i = 0; i < 8000; ++i) index.Add(0, data.Next());
  index.SealLast({.ef_construction = kQuick, .threads = 2});
  const Vector query = data.Next();
  const SearchParams params = {.queries = query, .k = 10, .target_recall = 0.9};
  index.Check(params, [](uint64_t) { return true; });
  EXPECT_EQ(index.result().segments_walked, 1u);
  EXPECT_EQ(index.result().segments_filter_walked, 1u);
  EXPECT_GT(index.result().graph_distances, 0u);
  index.Check(params, [](uint64_t ordinal) { return ordinal % 100 == 0; });
  EXPECT_EQ(index.result().segments_filter_scanned, 1u);
  EXPECT_EQ(index.result().segments_filter_walked, 0u);
  EXPECT_LE(index.result().rows_scanned, 90u) << "of the filter's rows alone";
  index.Check(params, [](uint64_t) { return false; });
  EXPECT_EQ(index.result().segments_scanned, 0u);
}

INSTANTIATE_TEST_SUITE_P(EveryMetric, FilteredSearchTest, testing::ValuesIn(kMetrics),
                         [](const auto& info) { return std::string(MetricName(info.param)); });

}  // namespace
}  // namespace kith::index
