#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "index/graph/graph_builder.h"
#include "index/graph/graph_merger.h"
#include "index/graph/graph_walk.h"
#include "tests/index/graph_data.h"

namespace kith::index {
namespace {

// Graphs of consecutive rows of `all`, of which some die before the graphs are merged.
class Parts {
 public:
  // `graphed`: of how many of the parts there are graphs; rows of the others are loose.
  Parts(Metric metric, uint32_t dimension, std::vector<Vector> all,
        const std::vector<size_t>& sizes, size_t graphed, const GraphOptions& options)
      : metric_(metric), dimension_(dimension), all_(std::move(all)), dead_(all_.size()) {
    size_t begin = 0;
    for (const size_t size : sizes) {
      const auto first = all_.begin() + static_cast<ptrdiff_t>(begin);
      const CodedRows rows(metric, dimension, {first, first + static_cast<ptrdiff_t>(size)});
      begins_.push_back(begin);
      sizes_.push_back(size);
      begin += size;
      if (built_.size() == graphed) continue;
      auto built = BuildGraph(rows.build_rows(), options, Call::Background());
      EXPECT_TRUE(built.ok()) << built.status();
      built_.push_back(*std::move(built));
    }
  }

  void Kill(size_t row) { dead_[row] = true; }

  // What is alive, coded anew, and where it comes from.
  CodedRows Live() {
    std::vector<Vector> live;
    rows_of_slots_.clear();
    parts_.clear();
    for (size_t p = 0; p < sizes_.size(); ++p) {
      std::vector<uint32_t> rows;
      for (size_t i = 0; i < sizes_[p]; ++i) {
        const bool dead = dead_[begins_[p] + i];
        rows.push_back(dead ? GraphPart::kDead : static_cast<uint32_t>(live.size()));
        if (!dead) live.push_back(all_[begins_[p] + i]);
      }
      if (p < built_.size()) rows_of_slots_.push_back(std::move(rows));
    }
    for (size_t p = 0; p < built_.size(); ++p) {
      parts_.push_back({&built_[p].graph, rows_of_slots_[p]});
    }
    return CodedRows(metric_, dimension_, std::move(live));
  }

  std::span<const GraphPart> parts() const { return parts_; }

 private:
  const Metric metric_;
  const uint32_t dimension_;
  const std::vector<Vector> all_;
  std::vector<bool> dead_;
  std::vector<size_t> begins_, sizes_;
  std::vector<BuiltGraph> built_;
  std::vector<std::vector<uint32_t>> rows_of_slots_;
  std::vector<GraphPart> parts_;
};

std::vector<Vector> MakeRows(Family family, uint32_t dimension, size_t count, uint64_t seed) {
  VectorMaker maker(family, dimension, seed);
  std::vector<Vector> rows(count);
  for (Vector& row : rows) row = maker.Next();
  return rows;
}

// No list has a row twice, and none its own before another.
void ExpectListsOfDistinctRows(const Graph& graph) {
  const auto check = [](std::span<const uint32_t> list, uint32_t self) {
    std::set<uint32_t> seen;
    for (const uint32_t to : list) {
      if (to == self) continue;
      EXPECT_TRUE(seen.insert(to).second) << to << " twice in the list of " << self;
    }
  };
  for (uint32_t node = 0; node < graph.nodes(); ++node) {
    check({graph.neighbours(node), graph.degree()}, node);
  }
  for (const Graph::Level& level : graph.levels()) {
    for (uint32_t i = 0; i < level.count; ++i) {
      check({level.neighbours + size_t{i} * graph.upper_degree(), graph.upper_degree()}, i);
    }
  }
}

// All of the nodes, by a walk as wide as the graph, as a scan finds them.
void ExpectAllAreFound(const CodedRows& rows, const Graph& graph, uint32_t query) {
  GraphWalk walk;
  const RowScore score = {rows, graph, query};
  ASSERT_TRUE(walk.Run(graph, score, {.ef = rows.count()}, AllNodes{}, Call::Background()).ok());
  std::vector<float> found;
  for (const GraphWalk::Found& f : walk.found()) found.push_back(f.distance);
  ASSERT_EQ(found, NearestDistances(rows, graph, query, rows.count(), AllNodes{}));
}

// The share of the ten nearest of some rows.
double Recall(const CodedRows& rows, const Graph& graph, uint32_t ef) {
  constexpr size_t kK = 10;
  GraphWalk walk;
  size_t hits = 0, wanted = 0;
  for (uint32_t query = 0; query < rows.count(); query += rows.count() / 200) {
    const RowScore score = {rows, graph, query};
    EXPECT_TRUE(walk.Run(graph, score, {.ef = ef}, AllNodes{}, Call::Background()).ok());
    const auto nearest = NearestDistances(rows, graph, query, kK, AllNodes{});
    wanted += kK;
    for (size_t i = 0; i < std::min(kK, walk.found().size()); ++i) {
      hits += walk.found()[i].distance <= nearest.back();
    }
  }
  return static_cast<double>(hits) / static_cast<double>(wanted);
}

constexpr GraphOptions kSmall = {.m = 8, .ef_construction = 60};

TEST(GraphMergeTest, EveryRowIsReachedAndAWideWalkFindsWhatAScanFinds) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::vector<size_t> shapes[] = {{1},    {2},      {0, 1},          {1, 1},
                                        {1, 2}, {17, 33}, {0, 40, 0, 300}, {100, 100, 100, 100}};
  const double dead_shares[] = {0, 0.1, 0.19};
  int merged = 0;
  for (const Family family : kFamilies) {
    const Metric metric = kMetrics[random() % 3];
    if (family == Family::kDenormal && metric == Metric::kCosine) continue;
    for (const std::vector<size_t>& sizes : shapes) {
      const auto dimension = static_cast<uint32_t>(1 + random() % 40);
      const double dead = dead_shares[random() % 3];
      const size_t loose = sizes.size() > 2 ? random() % 2 : 0;
      SCOPED_TRACE(testing::Message()
                   << "family " << int(family) << " " << MetricName(metric) << " " << sizes.size()
                   << " parts, " << loose << " loose, x " << dimension << ", dead " << dead);
      size_t count = 0;
      for (const size_t size : sizes) count += size;
      Parts parts(metric, dimension, MakeRows(family, dimension, count, random()), sizes,
                  sizes.size() - loose, kSmall);
      for (size_t i = 0; i < static_cast<size_t>(dead * static_cast<double>(count)); ++i) {
        parts.Kill(random() % count);
      }
      const CodedRows rows = parts.Live();
      if (!IsMergeable(rows.count(), parts.parts(), kSmall)) continue;
      ++merged;
      GraphOptions options = kSmall;
      options.threads = 1 + random() % 2;
      const auto built = MergeGraphs(rows.build_rows(), parts.parts(), options, ShortPool(options),
                                     Call::Background());
      ASSERT_TRUE(built.ok()) << built.status();
      ASSERT_EQ(built->graph.nodes(), rows.count());
      ASSERT_LE(built->graph.size_bytes(), EstimateGraphBytes(rows.count() + 8, kSmall.m));
      ExpectListsOfDistinctRows(built->graph);
      for (int i = 0; i < 3; ++i) {
        ExpectAllAreFound(rows, built->graph, static_cast<uint32_t>(random() % rows.count()));
      }
    }
  }
  EXPECT_GE(merged, 20);
}

TEST(GraphMergeTest, APartOfWhichAllIsDeadIsLeftOut) {
  Parts parts(Metric::kL2, 6, MakeRows(Family::kGaussian, 6, 400, 3), {100, 200, 100}, 3, kSmall);
  for (size_t row = 0; row < 100; ++row) parts.Kill(row);
  const CodedRows rows = parts.Live();
  ASSERT_TRUE(IsMergeable(rows.count(), parts.parts(), kSmall));
  const auto built =
      MergeGraphs(rows.build_rows(), parts.parts(), kSmall, ShortPool(kSmall), Call::Background());
  ASSERT_TRUE(built.ok()) << built.status();
  ASSERT_EQ(built->graph.nodes(), 300u);
  ExpectAllAreFound(rows, built->graph, 7);
}

TEST(GraphMergeTest, EqualRowsAndConstantDimensionsAreAllReached) {
  for (const Metric metric : kMetrics) {
    for (const uint32_t dimension : {1u, 20u}) {
      // Groups of equal rows over all parts, and last nothing but equal ones.
      for (const size_t groups : {1, 30}) {
        VectorMaker maker(Family::kGaussian, dimension, 3);
        std::vector<Vector> kinds(groups), all(800);
        for (Vector& kind : kinds) {
          kind = maker.Next();
          kind.back() = 2;
        }
        for (size_t i = 0; i < all.size(); ++i) all[i] = kinds[i % groups];
        Parts parts(metric, dimension, all, {200, 200, 200, 200}, 4, kSmall);
        for (size_t row = 0; row < all.size(); row += 7) parts.Kill(row);
        const CodedRows rows = parts.Live();
        const auto built = MergeGraphs(rows.build_rows(), parts.parts(), kSmall, ShortPool(kSmall),
                                       Call::Background());
        ASSERT_TRUE(built.ok()) << built.status();
        ExpectAllAreFound(rows, built->graph, 5);
      }
    }
  }
}

TEST(GraphMergeTest, AMergedGraphFindsAsMuchAsOneBuiltAnew) {
  for (const Metric metric : kMetrics) {
    for (const double dead : {0.0, 0.19}) {
      for (const uint32_t threads : {1u, 3u}) {
        SCOPED_TRACE(testing::Message()
                     << MetricName(metric) << " dead " << dead << " threads " << threads);
        constexpr size_t kCount = 1600;
        Parts parts(metric, 12, MakeRows(Family::kGaussian, 12, kCount, 7),
                    {200, 200, 200, 200, 200, 200, 200, 200}, 8, {});
        std::mt19937_64 random(11);
        for (size_t i = 0; i < static_cast<size_t>(dead * kCount); ++i) {
          parts.Kill(random() % kCount);
        }
        const CodedRows rows = parts.Live();
        const GraphOptions options = {.threads = threads};
        const auto merged = MergeGraphs(rows.build_rows(), parts.parts(), options,
                                        ShortPool(options), Call::Background());
        const auto built = BuildGraph(rows.build_rows(), options, Call::Background());
        ASSERT_TRUE(merged.ok() && built.ok()) << merged.status() << built.status();
        EXPECT_GE(Recall(rows, merged->graph, 40), Recall(rows, built->graph, 40) - 0.01);
      }
    }
  }
}

TEST(GraphMergeTest, MergesOfMergesDoNotWearOut) {
  constexpr size_t kFirst = 1000, kMore = 190;
  const std::vector<Vector> all = MakeRows(Family::kGaussian, 12, kFirst + 10 * kMore, 5);
  std::vector<size_t> ids(kFirst);
  for (size_t i = 0; i < kFirst; ++i) ids[i] = i;
  const auto rows_of = [&](const std::vector<size_t>& of) {
    std::vector<Vector> rows;
    for (const size_t id : of) rows.push_back(all[id]);
    return CodedRows(Metric::kL2, 12, std::move(rows));
  };
  auto whole = BuildGraph(rows_of(ids).build_rows(), {}, Call::Background());
  ASSERT_TRUE(whole.ok()) << whole.status();
  std::mt19937_64 random(9);
  size_t next = kFirst;
  for (int generation = 0; generation < 10; ++generation) {
    // 18 % die, as many come.
    std::vector<size_t> kept, more;
    std::vector<uint32_t> old_rows(ids.size(), GraphPart::kDead), new_rows;
    std::vector<size_t> order(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    order.resize(ids.size() * 82 / 100);
    std::sort(order.begin(), order.end());
    for (const size_t slot : order) {
      old_rows[slot] = static_cast<uint32_t>(kept.size());
      kept.push_back(ids[slot]);
    }
    for (size_t i = 0; i < kMore; ++i) {
      more.push_back(next);
      new_rows.push_back(static_cast<uint32_t>(kept.size() + i));
      ++next;
    }
    const auto part = BuildGraph(rows_of(more).build_rows(), {}, Call::Background());
    ASSERT_TRUE(part.ok()) << part.status();
    kept.insert(kept.end(), more.begin(), more.end());
    const CodedRows rows = rows_of(kept);
    const GraphPart parts[] = {{&whole->graph, old_rows}, {&part->graph, new_rows}};
    ASSERT_TRUE(IsMergeable(rows.count(), parts, {}));
    auto merged = MergeGraphs(rows.build_rows(), parts, {}, ShortPool({}), Call::Background());
    ASSERT_TRUE(merged.ok()) << merged.status();
    ids = kept;
    whole = std::move(merged);
  }
  const CodedRows rows = rows_of(ids);
  const auto built = BuildGraph(rows.build_rows(), {}, Call::Background());
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_GE(Recall(rows, whole->graph, 30), Recall(rows, built->graph, 30) - 0.01);
}

TEST(GraphMergeTest, OneThreadMakesTheSameGraphEveryTime) {
  Parts parts(Metric::kCosine, 10, MakeRows(Family::kGaussian, 10, 600, 2), {200, 150, 250}, 3,
              kSmall);
  for (size_t row = 0; row < 600; row += 11) parts.Kill(row);
  const CodedRows rows = parts.Live();
  const auto a =
      MergeGraphs(rows.build_rows(), parts.parts(), kSmall, ShortPool(kSmall), Call::Background());
  const auto b =
      MergeGraphs(rows.build_rows(), parts.parts(), kSmall, ShortPool(kSmall), Call::Background());
  ASSERT_TRUE(a.ok() && b.ok());
  ASSERT_EQ(a->graph.size_bytes(), b->graph.size_bytes());
  EXPECT_EQ(std::memcmp(a->image.data(), b->image.data(), a->graph.size_bytes()), 0);
}

TEST(GraphMergeTest, WhatIsNotWorthMergingIsToldApart) {
  Parts parts(Metric::kL2, 4, MakeRows(Family::kGaussian, 4, 500, 2), {100, 100, 300}, 2, kSmall);
  const auto is_mergeable = [&](const GraphOptions& options) {
    const CodedRows rows = parts.Live();
    return IsMergeable(rows.count(), parts.parts(), options);
  };
  // 300 rows of 500 have no graph.
  EXPECT_FALSE(is_mergeable(kSmall));
  for (size_t row = 200; row < 300; ++row) parts.Kill(row);
  EXPECT_TRUE(is_mergeable(kSmall));
  EXPECT_FALSE(is_mergeable({.m = 9, .ef_construction = 60}));
  EXPECT_FALSE(is_mergeable({.m = 8, .ef_construction = 60, .builder = GraphBuilder::kHnswlib}));
  // The second part is not used any more, and the first is not half of the rows.
  for (size_t row = 100; row < 120; ++row) parts.Kill(row);
  EXPECT_FALSE(is_mergeable(kSmall));
  for (size_t row = 300; row < 500; ++row) parts.Kill(row);
  EXPECT_TRUE(is_mergeable(kSmall));
  EXPECT_FALSE(IsMergeable(0, {}, kSmall));
}

TEST(GraphMergeTest, PoolsOutOfRangeAreRefused) {
  Parts parts(Metric::kL2, 4, MakeRows(Family::kGaussian, 4, 20, 2), {10, 10}, 2, kSmall);
  const CodedRows rows = parts.Live();
  for (const uint32_t pool : {0u, 61u}) {
    EXPECT_EQ(MergeGraphs(rows.build_rows(), parts.parts(), kSmall, pool, Call::Background())
                  .status()
                  .code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(GraphMergeTest, ACancelledMergeEndsAsCancelled) {
  Parts parts(Metric::kL2, 4, MakeRows(Family::kGaussian, 4, 4000, 1), {1000, 1000, 2000}, 3,
              kSmall);
  const CodedRows rows = parts.Live();
  Call call;
  uint64_t last = 0;
  const auto cancel_soon = [&](uint64_t done, uint64_t total) {
    EXPECT_EQ(total, 4000u);
    EXPECT_GE(done, last);
    last = done;
    if (done > 2000) call.Cancel();
  };
  EXPECT_EQ(
      MergeGraphs(rows.build_rows(), parts.parts(), kSmall, ShortPool(kSmall), call, cancel_soon)
          .status()
          .code(),
      absl::StatusCode::kCancelled);
  EXPECT_GT(last, 2000u);
  EXPECT_LT(last, 3999u);
}

}  // namespace
}  // namespace kith::index
