#include "index/graph/filtered_walk.h"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/graph/graph_builder.h"
#include "tests/index/graph_data.h"

namespace kith::index {
namespace {

class FilteredWalkTest : public testing::Test {
 protected:
  static constexpr uint32_t kCount = 3000;

  FilteredWalkTest()
      : rows_(CodedRows::Make(Metric::kL2, Family::kGaussian, 8, kCount, 5)),
        built_(*BuildGraph(rows_.build_rows(), {}, Call::Background())) {}

  const Graph& graph() const { return built_.graph; }

  // Runs a walk from row `query`, and checks that what it finds is sorted, allowed and of its own.
  template <typename Allow>
  void Walk(uint32_t query, const FilteredWalkOptions& options, const Allow& allow) {
    const RowScore score = {rows_, graph(), query};
    ASSERT_TRUE(walk_.Run(graph(), score, options, allow, Call::Background()).ok());
    ASSERT_LE(walk_.found().size(), options.ef);
    std::set<uint32_t> nodes;
    float before = -1;
    for (const FilteredWalk::Found& found : walk_.found()) {
      ASSERT_TRUE(allow(found.node));
      ASSERT_TRUE(nodes.insert(found.node).second) << found.node << " twice";
      ASSERT_EQ(found.distance, rows_.Distance(query, graph().slot(found.node)));
      ASSERT_GE(found.distance, before);
      before = found.distance;
    }
    ASSERT_LE(walk_.allowed_around(), walk_.found().size());
  }

  CodedRows rows_;
  BuiltGraph built_;
  FilteredWalk walk_;
};

TEST_F(FilteredWalkTest, TheNearestAllowedNodesAreFoundAtEveryShare) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (const uint32_t percent : {100u, 50u, 20u, 5u, 2u}) {
    SCOPED_TRACE(testing::Message() << percent << " % allowed");
    std::vector<bool> allowed(kCount);
    for (uint32_t i = 0; i < kCount; ++i) allowed[i] = random() % 100 < percent;
    const auto allow = [&](uint32_t node) { return allowed[node]; };
    size_t hits = 0;
    size_t wanted = 0;
    uint64_t around = 0;
    for (uint32_t query = 0; query < 60; ++query) {
      const uint32_t pool = 40 + 1200 / percent;
      Walk(query, {.ef = 40, .pool = pool}, allow);
      if (HasFatalFailure()) return;
      around += walk_.allowed_around();
      const auto nearest = NearestDistances(rows_, graph(), query, 10, allow);
      wanted += nearest.size();
      for (size_t i = 0; i < std::min(nearest.size(), walk_.found().size()); ++i) {
        hits += walk_.found()[i].distance <= nearest.back();
      }
    }
    EXPECT_GE(hits, wanted * 95 / 100);
    EXPECT_GE(around, 60u * 8);
  }
}

TEST_F(FilteredWalkTest, AWalkSeesThatNothingAroundTheQueryIsAllowed) {
  for (uint32_t query = 0; query < 30; ++query) {
    const auto all = NearestDistances(rows_, graph(), query, kCount, [](uint32_t) { return true; });
    const float far = all[kCount / 2];
    const auto allow = [&](uint32_t node) {
      return rows_.Distance(query, graph().slot(node)) >= far;
    };
    Walk(query, {.ef = 40, .pool = 80}, allow);
    if (HasFatalFailure()) return;
    EXPECT_EQ(walk_.allowed_around(), 0u);
  }
}

TEST_F(FilteredWalkTest, AWalkEndsSoonerWhereAllAroundTheQueryIsAllowed) {
  Walk(7, {.ef = 20, .pool = 1000}, [](uint32_t) { return true; });
  const uint64_t near = walk_.distances();
  EXPECT_EQ(walk_.allowed_around(), 20u);
  Walk(7, {.ef = 20, .pool = 1000}, [](uint32_t node) { return node % 50 == 0; });
  EXPECT_LT(2 * near, walk_.distances());
}

TEST_F(FilteredWalkTest, WithoutAllowedNodesOrNodesNothingIsFound) {
  Walk(3, {.ef = 10, .pool = kCount}, [](uint32_t) { return false; });
  EXPECT_TRUE(walk_.found().empty());
  EXPECT_EQ(walk_.distances(), kCount) << "a pool as large as the graph meets all of it";
  const RowScore score = {rows_, graph(), 0};
  ASSERT_TRUE(walk_
                  .Run(
                      Graph(), score, {}, [](uint32_t) { return true; }, Call::Background())
                  .ok());
  EXPECT_TRUE(walk_.found().empty());
}

TEST_F(FilteredWalkTest, ACancelledWalkEndsAsCancelled) {
  Call call;
  call.Cancel();
  const RowScore score = {rows_, graph(), 0};
  const auto none = [](uint32_t) { return false; };
  EXPECT_EQ(walk_.Run(graph(), score, {.ef = 10, .pool = kCount}, none, call).code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace kith::index
