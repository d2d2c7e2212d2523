#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "index/graph/graph_builder.h"
#include "index/graph/graph_walk.h"
#include "kith/base/error.h"
#include "tests/index/graph_data.h"

namespace kith::index {
namespace {

constexpr GraphBuilder kBuilders[] = {GraphBuilder::kHnswlib, GraphBuilder::kKith};

// Every node that the entry reaches over level 0.
size_t ReachedNodes(const Graph& graph) {
  if (graph.nodes() == 0) return 0;
  const uint32_t entry =
      graph.levels().empty() ? graph.entry() : graph.levels().back().node[graph.entry()];
  std::vector<bool> seen(graph.nodes());
  std::vector<uint32_t> queue = {entry};
  seen[entry] = true;
  for (size_t i = 0; i < queue.size(); ++i) {
    for (uint32_t j = 0; j < graph.degree(); ++j) {
      const uint32_t to = graph.neighbours(queue[i])[j];
      if (!seen[to]) queue.push_back(to);
      seen[to] = true;
    }
  }
  return queue.size();
}

struct Shape {
  Family family;
  Metric metric;
  uint32_t dimension;
  size_t count;
};

TEST(GraphBuildTest, EveryRowIsReachedAndAWideWalkFindsWhatAScanFinds) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (GraphBuilder builder : kBuilders) {
    for (Family family : kFamilies) {
      const Metric metric = kMetrics[random() % 3];
      if (family == Family::kDenormal && metric == Metric::kCosine) continue;
      for (size_t count : {0, 1, 2, 3, 33, 34, 700}) {
        const uint32_t dimension = 1 + random() % 70;
        SCOPED_TRACE(testing::Message()
                     << "builder " << int(builder) << " family " << int(family) << " "
                     << MetricName(metric) << " " << count << " x " << dimension);
        const CodedRows rows = CodedRows::Make(metric, family, dimension, count, random());
        const auto built =
            BuildGraph(rows.build_rows(), {.m = 8, .builder = builder}, Call::Background());
        ASSERT_TRUE(built.ok()) << built.status();
        const Graph& graph = built->graph;
        ASSERT_EQ(graph.nodes(), count);
        ASSERT_EQ(ReachedNodes(graph), count);
        ASSERT_LE(graph.size_bytes(), EstimateGraphBytes(count, 8));

        GraphWalk walk;
        for (int i = 0; i < 3 && count > 0; ++i) {
          const uint32_t query = random() % count;
          const RowScore score = {rows, graph, query};
          ASSERT_TRUE(walk.Run(graph, score, {.ef = static_cast<uint32_t>(count)}, AllNodes{},
                               Call::Background())
                          .ok());
          std::vector<float> found;
          for (const GraphWalk::Found& f : walk.found()) found.push_back(f.distance);
          ASSERT_EQ(found, NearestDistances(rows, graph, query, count, AllNodes{}));
        }
      }
    }
  }
}

TEST(GraphBuildTest, ANarrowWalkFindsNearlyAllOfTheNearest) {
  for (GraphBuilder builder : kBuilders) {
    for (Metric metric : kMetrics) {
      for (uint32_t threads : {1, 3}) {
        SCOPED_TRACE(testing::Message() << "builder " << int(builder) << " " << MetricName(metric)
                                        << " threads " << threads);
        const CodedRows rows = CodedRows::Make(metric, Family::kGaussian, 12, 3000, 7);
        const auto built = BuildGraph(rows.build_rows(), {.threads = threads, .builder = builder},
                                      Call::Background());
        ASSERT_TRUE(built.ok()) << built.status();
        GraphWalk walk;
        size_t hits = 0;
        constexpr size_t kK = 10;
        constexpr uint32_t kQueries = 200;
        for (uint32_t query = 0; query < kQueries; ++query) {
          const RowScore score = {rows, built->graph, query};
          ASSERT_TRUE(
              walk.Run(built->graph, score, {.ef = 64}, AllNodes{}, Call::Background()).ok());
          const auto nearest = NearestDistances(rows, built->graph, query, kK, AllNodes{});
          ASSERT_GE(walk.found().size(), kK);
          for (size_t i = 0; i < kK; ++i) hits += walk.found()[i].distance <= nearest.back();
          EXPECT_LT(walk.distances(), 2500u);
        }
        EXPECT_GE(hits, kQueries * kK * 97 / 100);
      }
    }
  }
}

TEST(GraphBuildTest, ManyGroupsOfEqualRowsAreAllReached) {
  // More equal rows than a node has links: pruning by distance leaves each group an island.
  std::vector<Vector> all;
  VectorMaker maker(Family::kGaussian, 20, 3);
  for (int group = 0; group < 30; ++group) {
    const Vector row = maker.Next();
    for (int i = 0; i < 50; ++i) all.push_back(row);
  }
  for (GraphBuilder builder : kBuilders) {
    for (Metric metric : kMetrics) {
      const CodedRows rows(metric, 20, all);
      const auto built =
          BuildGraph(rows.build_rows(), {.m = 4, .ef_construction = 32, .builder = builder},
                     Call::Background());
      ASSERT_TRUE(built.ok()) << built.status();
      EXPECT_EQ(ReachedNodes(built->graph), all.size());
    }
  }
}

TEST(GraphBuildTest, OptionsOutOfRangeAreRefused) {
  const CodedRows rows = CodedRows::Make(Metric::kL2, Family::kGaussian, 4, 10, 1);
  const GraphOptions bad[] = {
      {.m = 3},       {.m = 65},       {.m = 16, .ef_construction = 15}, {.ef_construction = 4097},
      {.threads = 0}, {.threads = 257}};
  for (const GraphOptions& options : bad) {
    const auto built = BuildGraph(rows.build_rows(), options, Call::Background());
    EXPECT_EQ(built.status().code(), absl::StatusCode::kInvalidArgument) << built.status();
  }
}

TEST(GraphBuildTest, ACancelledBuildEndsAsCancelled) {
  const CodedRows rows = CodedRows::Make(Metric::kL2, Family::kGaussian, 4, 5000, 1);
  for (GraphBuilder builder : kBuilders) {
    Call call;
    uint64_t last = 0;
    const auto cancel_soon = [&](uint64_t done, uint64_t total) {
      EXPECT_GE(total, 4999u);
      EXPECT_GT(done, last);
      last = done;
      if (done > 1000) call.Cancel();
    };
    EXPECT_EQ(
        BuildGraph(rows.build_rows(), {.builder = builder}, call, cancel_soon).status().code(),
        absl::StatusCode::kCancelled);
    EXPECT_GT(last, 1000u);
    EXPECT_LT(last, 2000u);
    EXPECT_EQ(
        BuildGraph(rows.build_rows(), {.threads = 3, .builder = builder}, call).status().code(),
        absl::StatusCode::kCancelled);
  }
}

}  // namespace
}  // namespace kith::index
