#include "index/graph/graph_walk.h"

#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/graph/graph_builder.h"
#include "tests/index/graph_data.h"

namespace kith::index {
namespace {

class GraphWalkTest : public testing::Test {
 protected:
  static constexpr uint32_t kCount = 2000;

  GraphWalkTest()
      : rows_(CodedRows::Make(Metric::kL2, Family::kGaussian, 8, kCount, 5)),
        built_(*BuildGraph(rows_.build_rows(), {}, Call::Background())) {}

  const Graph& graph() const { return built_.graph; }

  CodedRows rows_;
  BuiltGraph built_;
  GraphWalk walk_;
};

TEST_F(GraphWalkTest, DeletedNodesAreWalkedThroughAndNeverReturned) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int percent : {1, 20, 50, 90, 99, 100}) {
    SCOPED_TRACE(testing::Message() << percent << " % deleted");
    std::vector<bool> deleted(kCount);
    for (uint32_t i = 0; i < kCount; ++i)
      deleted[i] = random() % 100 < static_cast<uint64_t>(percent);
    const auto allow = [&](uint32_t node) { return !deleted[node]; };
    size_t hits = 0;
    size_t wanted = 0;
    for (uint32_t query = 0; query < 100; ++query) {
      const RowScore score = {rows_, graph(), query};
      ASSERT_TRUE(walk_.Run(graph(), score, {.ef = 48}, allow, Call::Background()).ok());
      ASSERT_LE(walk_.found().size(), 48u);
      std::set<uint32_t> nodes;
      float before = -1;
      for (const GraphWalk::Found& found : walk_.found()) {
        ASSERT_FALSE(deleted[found.node]);
        ASSERT_TRUE(nodes.insert(found.node).second) << found.node << " twice";
        ASSERT_EQ(found.distance, rows_.Distance(query, graph().slot(found.node)));
        ASSERT_GE(found.distance, before);
        before = found.distance;
      }
      if (walk_.gave_up()) {
        ASSERT_GE(percent, 90);
        continue;
      }
      const auto nearest = NearestDistances(rows_, graph(), query, 10, allow);
      wanted += nearest.size();
      for (size_t i = 0; i < std::min(nearest.size(), walk_.found().size()); ++i) {
        hits += walk_.found()[i].distance <= nearest.back();
      }
    }
    EXPECT_GE(hits, wanted * 95 / 100);
  }
}

TEST_F(GraphWalkTest, AWalkThatRefusesNothingIsTheWalkWithoutDeletes) {
  for (uint32_t ef : {1, 2, 10, 100, 5000}) {
    for (uint32_t query = 0; query < 50; ++query) {
      const RowScore score = {rows_, graph(), query};
      ASSERT_TRUE(walk_.Run(graph(), score, {.ef = ef}, AllNodes{}, Call::Background()).ok());
      std::vector<std::pair<float, uint32_t>> all;
      for (const auto& found : walk_.found()) all.emplace_back(found.distance, found.node);
      const uint64_t distances = walk_.distances();
      EXPECT_EQ(all.size(), std::min(ef, kCount));
      ASSERT_TRUE(
          walk_
              .Run(
                  graph(), score, {.ef = ef}, [](uint32_t) { return true; }, Call::Background())
              .ok());
      std::vector<std::pair<float, uint32_t>> same;
      for (const auto& found : walk_.found()) same.emplace_back(found.distance, found.node);
      EXPECT_EQ(all, same);
      EXPECT_EQ(distances, walk_.distances());
    }
  }
}

TEST_F(GraphWalkTest, AWalkGivesUpAtItsBudgetOfDistances) {
  const RowScore score = {rows_, graph(), 0};
  ASSERT_TRUE(
      walk_
          .Run(graph(), score, {.ef = kCount, .max_distances = 300}, AllNodes{}, Call::Background())
          .ok());
  EXPECT_TRUE(walk_.gave_up());
  EXPECT_GE(walk_.distances(), 300u);
  EXPECT_LT(walk_.distances(), 300u + graph().degree());
  ASSERT_TRUE(walk_.Run(graph(), score, {.ef = kCount}, AllNodes{}, Call::Background()).ok());
  EXPECT_FALSE(walk_.gave_up());
}

TEST_F(GraphWalkTest, ACancelledWalkEndsAsCancelled) {
  Call call;
  call.Cancel();
  const RowScore score = {rows_, graph(), 0};
  EXPECT_EQ(walk_.Run(graph(), score, {.ef = kCount}, AllNodes{}, call).code(),
            absl::StatusCode::kCancelled);
}

TEST_F(GraphWalkTest, OneWalkServesGraphsOfAnySizeInTurn) {
  const CodedRows few = CodedRows::Make(Metric::kCosine, Family::kGaussian, 3, 2, 9);
  const BuiltGraph small = *BuildGraph(few.build_rows(), {}, Call::Background());
  // More often than the marks of a visited set last.
  for (int round = 0; round < 600; ++round) {
    const RowScore large_score = {rows_, graph(), 1};
    const RowScore small_score = {few, small.graph, 1};
    ASSERT_TRUE(walk_.Run(graph(), large_score, {.ef = 20}, AllNodes{}, Call::Background()).ok());
    ASSERT_EQ(graph().slot(walk_.found()[0].node), 1u);
    ASSERT_EQ(walk_.found().size(), 20u);
    ASSERT_TRUE(
        walk_.Run(small.graph, small_score, {.ef = 20}, AllNodes{}, Call::Background()).ok());
    ASSERT_EQ(walk_.found().size(), 2u);
    ASSERT_TRUE(walk_.Run(Graph{}, small_score, {.ef = 20}, AllNodes{}, Call::Background()).ok());
    ASSERT_TRUE(walk_.found().empty());
  }
}

}  // namespace
}  // namespace kith::index
