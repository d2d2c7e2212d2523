// GraphWalk: the search in a Graph, best first, by code distances. One walk at a time; it holds the
// scratch of a thread and is reused for any graph, so that a walk takes no memory once it is warm.
//
//   GraphWalk walk;
//   KITH_RETURN_IF_ERROR(walk.Run(graph, scorer, {.ef = 64}, AllNodes{}, call));
//   for (GraphWalk::Found found : walk.found()) { ... }   // nearest first, at most ef
//
// Each step takes the nearest node of the pool whose neighbours were not looked at yet, scores
// those not met before, and merges them into the pool: the `ef` nearest met so far, sorted. It ends
// when the pool holds nothing unexpanded. Nodes that `allow` refuses (deleted rows) are walked
// through like the others and never returned; the pool is as long as it takes to hold `ef` allowed
// ones.

#ifndef KITH_INDEX_GRAPH_GRAPH_WALK_H_
#define KITH_INDEX_GRAPH_GRAPH_WALK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "index/graph/descent.h"
#include "index/graph/graph.h"
#include "index/graph/visited_set.h"
#include "index/graph/walk_pool.h"
#include "kith/base/call.h"
#include "kith/base/status_macros.h"

namespace kith::index {

struct WalkOptions {
  uint32_t ef = 64;  // at least 1
  // The walk gives up (see gave_up) once it scored that many nodes.
  uint64_t max_distances = std::numeric_limits<uint64_t>::max();
};

// The `allow` of a walk without deletes; it costs nothing.
struct AllNodes {
  constexpr bool operator()(uint32_t /*node*/) const { return true; }
};

class GraphWalk {
 public:
  using Found = WalkPool::Found;  // {float distance; uint32_t node;}

  // `score` is called as score(const uint32_t* nodes, size_t count, float* distances) with 1 <=
  // count
  // <= Graph::kMaxDegree: lower is nearer, never NaN. Where it has score.Prefetch(node), that is
  // called for nodes that are about to be scored. `allow(node)` says whether a node may be
  // returned. Checks `call` every few hundred steps: its error, and then found() is of no use.
  template <typename Score, typename Allow>
  absl::Status Run(const Graph& graph, const Score& score, const WalkOptions& options,
                   const Allow& allow, const Call& call);

  // Of the last Run. Nearest first; equal distances in any order.
  std::span<const Found> found() const { return found_; }
  uint64_t distances() const { return distances_; }  // how many nodes were scored, levels included
  // It ended before its time: max_distances was reached, or so many nodes were refused that the
  // pool had no room for those behind them. Then a scan is the better way.
  bool gave_up() const { return gave_up_; }

 private:
  static constexpr uint32_t kStepsPerCheck = 256;
  static constexpr uint32_t kNotPrefetched = 4;

  template <typename Score, typename Allow>
  void Expand(const Graph& graph, uint32_t node, const Score& score, const Allow& allow);
  template <typename Score, typename Allow>
  void Take(uint32_t count, const Score& score, const Allow& allow);

  VisitedSet visited_;
  WalkPool pool_;
  std::array<uint32_t, Graph::kMaxDegree> nodes_;
  std::array<float, Graph::kMaxDegree> scores_;

  std::span<const Found> found_;
  uint64_t distances_ = 0;
  bool gave_up_ = false;
};

template <typename Score, typename Allow>
absl::Status GraphWalk::Run(const Graph& graph, const Score& score, const WalkOptions& options,
                            const Allow& allow, const Call& call) {
  found_ = {};
  distances_ = 0;
  gave_up_ = false;
  pool_.Reset(options.ef);
  if (graph.nodes() == 0) return absl::OkStatus();
  visited_.Reset(graph.nodes());
  // All that the descent meets enters the pool, the entry too, so that a walk with a pool as large
  // as the graph meets all that the entry reaches.
  Descend(graph, visited_, nodes_.data(), scores_.data(),
          [&](uint32_t count) { Take(count, score, allow); });
  for (uint32_t steps = 1; pool_.HasUnexpanded(); ++steps) {
    if (distances_ >= options.max_distances) {
      gave_up_ = true;
      break;
    }
    Expand(graph, pool_.TakeNearest(), score, allow);
    if (steps % kStepsPerCheck == 0) KITH_RETURN_IF_ERROR(call.Check());
  }
  gave_up_ |= pool_.crowded();
  found_ = pool_.Finish(allow);
  return absl::OkStatus();
}

template <typename Score, typename Allow>
void GraphWalk::Expand(const Graph& graph, uint32_t node, const Score& score, const Allow& allow) {
  const uint32_t* neighbours = graph.neighbours(node);
  const uint32_t degree = graph.degree();
  const uint32_t count = visited_.InsertAll(neighbours, degree, nodes_.data());
  if constexpr (requires { score.Prefetch(node); }) {
    // All of them at once, where scoring them one after the other would wait for a few at a time.
    // The first are wanted before a prefetch could help.
    for (uint32_t i = kNotPrefetched; i < count; ++i) score.Prefetch(nodes_[i]);
  }
  // Most likely the next one to be expanded.
  if (pool_.HasUnexpanded()) {
    const auto* next = reinterpret_cast<const char*>(graph.neighbours(pool_.PeekNearest()));
    for (uint32_t byte = 0; byte < degree * sizeof(uint32_t); byte += 64) {
      __builtin_prefetch(next + byte);
    }
  }
  if (count > 0) Take(count, score, allow);
}

// Scores nodes_[0..count) and merges them into the pool.
template <typename Score, typename Allow>
void GraphWalk::Take(uint32_t count, const Score& score, const Allow& allow) {
  score(nodes_.data(), count, scores_.data());
  distances_ += count;
  for (uint32_t i = 0; i < count; ++i) {
    if (scores_[i] < pool_.bound()) pool_.Push({scores_[i], nodes_[i]}, allow);
  }
}

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_GRAPH_WALK_H_
