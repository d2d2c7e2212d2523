#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "index/graph/graph_builder.h"
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

}  // namespace
}  // namespace kith::index
