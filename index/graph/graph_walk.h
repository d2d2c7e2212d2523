// GraphWalk: the search in a Graph, best first, by code distances. One walk at a time; it holds the
// scratch of a thread and is reused for any graph, so that a walk takes no memory once it is warm.
//
//   GraphWalk walk;
//   auto score = [&](const uint32_t* nodes, size_t count, float* distances) { ... };
//   KITH_RETURN_IF_ERROR(walk.Run(graph, score, {.ef = 64}, AllNodes{}, call));
//   for (GraphWalk::Found found : walk.found()) { ... }   // nearest first, at most ef
//
// Each step takes the nearest node of the pool whose neighbours were not looked at yet, scores
// those not met before, and merges them into the pool: the `ef` nearest met so far, sorted. It ends
// when the pool holds nothing unexpanded. Nodes that `allow` refuses (deleted rows) are walked
// through like the others and never returned; the pool is as long as it takes to hold `ef` allowed
// ones.

#ifndef KITH_INDEX_GRAPH_GRAPH_WALK_H_
#define KITH_INDEX_GRAPH_GRAPH_WALK_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "index/graph/graph.h"
#include "kith/base/call.h"

namespace kith::index {

struct WalkOptions {
  uint32_t ef = 64;  // at least 1
  // The walk gives up (see gave_up) once it scored that many nodes.
  uint64_t max_distances = UINT64_MAX;
};

// The `allow` of a walk without deletes; it costs nothing.
struct AllNodes {
  constexpr bool operator()(uint32_t /*node*/) const { return true; }
};

class GraphWalk {
 public:
  struct Found {
    float distance;
    uint32_t node;
  };

  // `score` is called as score(const uint32_t* nodes, size_t count, float* distances) with 1 <=
  // count
  // <= Graph::kMaxDegree: lower is nearer, never NaN. `allow(node)` says whether a node may be
  // returned. Checks `call` every few hundred steps: its error, and then found() is of no use.
  template <typename Score, typename Allow>
  absl::Status Run(const Graph& graph, const Score& score, const WalkOptions& options,
                   const Allow& allow, const Call& call);

  // Of the last Run. Nearest first; equal distances in any order.
  std::span<const Found> found() const { return found_; }
  uint64_t distances() const { return distances_; }  // how many nodes were scored, levels included
  bool gave_up() const { return gave_up_; }          // max_distances was reached

 private:
  std::span<const Found> found_;
  uint64_t distances_ = 0;
  bool gave_up_ = false;
};

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_GRAPH_WALK_H_
