// Descend: the way of a walk down the upper levels of a Graph. Shared by the walks; internal to
// index/graph/.

#ifndef KITH_INDEX_GRAPH_DESCENT_H_
#define KITH_INDEX_GRAPH_DESCENT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "index/graph/graph.h"
#include "index/graph/visited_set.h"

namespace kith::index {

// Greedily, from the entry. `take(count)` scores nodes[0..count) into scores[0..count). No node is
// scored twice, on whatever levels it is met: of those scored before, none is nearer than where the
// descent stands. Returns the node where it ends, on level 0. REQUIRES: graph.nodes() > 0; `nodes`
// and `scores` have room for Graph::kMaxDegree.
template <typename Take>
uint32_t Descend(const Graph& graph, VisitedSet& visited, uint32_t* nodes, const float* scores,
                 const Take& take) {
  std::array<uint32_t, Graph::kMaxDegree> numbers;  // of nodes, on the level of the descent
  const std::span<const Graph::Level> levels = graph.levels();
  const uint32_t degree = graph.upper_degree();
  uint32_t current = graph.entry();
  nodes[0] = levels.empty() ? current : levels.back().node[current];
  visited.Insert(nodes[0]);
  take(1);
  float nearest = scores[0];
  for (size_t l = levels.size(); l-- > 0;) {
    const Graph::Level& level = levels[l];
    for (bool closer = true; closer;) {
      closer = false;
      const uint32_t* neighbours = level.neighbours + size_t{current} * degree;
      uint32_t count = 0;
      for (uint32_t i = 0; i < degree; ++i) {
        nodes[count] = level.node[neighbours[i]];
        numbers[count] = neighbours[i];
        count += visited.Insert(nodes[count]) ? 1 : 0;
      }
      if (count == 0) break;
      take(count);
      for (uint32_t i = 0; i < count; ++i) {
        if (scores[i] < nearest) {
          nearest = scores[i];
          current = numbers[i];
          closer = true;
        }
      }
    }
    current = level.down[current];
  }
  return current;
}

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_DESCENT_H_
