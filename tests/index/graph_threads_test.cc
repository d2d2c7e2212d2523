#include <cstdint>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "index/graph/graph_builder.h"
#include "index/graph/graph_merger.h"
#include "index/graph/graph_walk.h"
#include "tests/index/graph_data.h"

namespace kith::index {
namespace {

// Under ThreadSanitizer: writers of one list take turns, readers of all lists run beside them.
TEST(GraphThreadsTest, RowsInsertedByManyThreadsAreAllFound) {
  constexpr uint32_t kCount = 1500;
  for (Family family : {Family::kGaussian, Family::kDuplicated}) {
    const CodedRows rows = CodedRows::Make(Metric::kL2, family, 8, kCount, 13);
    const auto built =
        BuildGraph(rows.build_rows(),
                   {.m = 6, .ef_construction = 40, .threads = 4, .builder = GraphBuilder::kKith},
                   Call::Background());
    ASSERT_TRUE(built.ok()) << built.status();
    GraphWalk walk;
    const RowScore score = {rows, built->graph, 0};
    ASSERT_TRUE(walk.Run(built->graph, score, {.ef = kCount}, AllNodes{}, Call::Background()).ok());
    std::vector<float> found;
    for (const GraphWalk::Found& f : walk.found()) found.push_back(f.distance);
    EXPECT_EQ(found, NearestDistances(rows, built->graph, 0, kCount, AllNodes{}));
  }
}

TEST(GraphThreadsTest, RowsOfMergedGraphsAreAllFound) {
  constexpr uint32_t kCount = 1500, kParts = 5, kOfPart = kCount / kParts;
  constexpr GraphOptions kOptions = {.m = 6, .ef_construction = 40, .threads = 4};
  for (Family family : {Family::kGaussian, Family::kDuplicated}) {
    const CodedRows rows = CodedRows::Make(Metric::kL2, family, 8, kCount, 13);
    std::vector<BuiltGraph> graphs;
    std::vector<std::vector<uint32_t>> row_of_slots(kParts);
    std::vector<GraphPart> parts;
    for (uint32_t p = 0; p < kParts; ++p) {
      BuildRows some = rows.build_rows();
      some.codes += size_t{p} * kOfPart * some.coder->row_bytes();
      some.count = kOfPart;
      auto built = BuildGraph(some, kOptions, Call::Background());
      ASSERT_TRUE(built.ok()) << built.status();
      graphs.push_back(*std::move(built));
      for (uint32_t i = 0; i < kOfPart; ++i) row_of_slots[p].push_back(p * kOfPart + i);
    }
    for (uint32_t p = 0; p < kParts; ++p) parts.push_back({&graphs[p].graph, row_of_slots[p]});
    const auto merged =
        MergeGraphs(rows.build_rows(), parts, kOptions, ShortPool(kOptions), Call::Background());
    ASSERT_TRUE(merged.ok()) << merged.status();
    GraphWalk walk;
    const RowScore score = {rows, merged->graph, 0};
    ASSERT_TRUE(
        walk.Run(merged->graph, score, {.ef = kCount}, AllNodes{}, Call::Background()).ok());
    std::vector<float> found;
    for (const GraphWalk::Found& f : walk.found()) found.push_back(f.distance);
    EXPECT_EQ(found, NearestDistances(rows, merged->graph, 0, kCount, AllNodes{}));
  }
}

}  // namespace
}  // namespace kith::index
