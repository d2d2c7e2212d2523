// FilteredWalk: the search in a Graph for the nearest of those nodes that a filter lets through,
// best first, by code distances. GraphWalk is for all nodes but a few. One walk at a time; it holds
// the scratch of a thread.
//
//   FilteredWalk walk;
//   KITH_RETURN_IF_ERROR(walk.Run(graph, score, {.ef = 64, .pool = 256}, allow, call));
//   for (FilteredWalk::Found found : walk.found()) { ... }   // nearest first, at most ef
//
// Two pools: one leads the walk, by all nodes, the `pool` nearest met so far. What it scores on its
// way and the filter lets through goes to the other, however far: a walk scores some ten nodes for
// each that it expands, and the allowed ones among them are most of what it finds. It ends when the
// first holds nothing unexpanded, or nothing that is nearer than the ef-th allowed node.
//
// Where few rows around the query are let through, the leading pool is full of others, and what was
// found is what lay by the way. So the walk counts how many of the leading pool are allowed.

#ifndef KITH_INDEX_GRAPH_FILTERED_WALK_H_
#define KITH_INDEX_GRAPH_FILTERED_WALK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "absl/status/status.h"
#include "index/graph/descent.h"
#include "index/graph/graph.h"
#include "index/graph/graph_walk.h"
#include "index/graph/visited_set.h"
#include "index/graph/walk_pool.h"
#include "kith/base/call.h"
#include "kith/base/status_macros.h"

namespace kith::index {

struct FilteredWalkOptions {
  uint32_t ef = 64;     // allowed nodes to find; at least 1
  uint32_t pool = 256;  // nodes that lead the walk; at least 1
  // Where less than this share of the nodes met is allowed, the walk is given up soon.
  double least_share = 0;
};

class FilteredWalk {
 public:
  using Found = WalkPool::Found;  // {float distance; uint32_t node;}

  // `score` as for GraphWalk. `allow(node)` says whether a node may be returned; where it has
  // allow.Prefetch(node), that is called for nodes that are about to be asked for. Checks `call`
  // every few hundred steps: its error, and then found() is of no use.
  template <typename Score, typename Allow>
  absl::Status Run(const Graph& graph, const Score& score, const FilteredWalkOptions& options,
                   const Allow& allow, const Call& call);

  // Of the last Run. Nearest first; equal distances in any order. Allowed nodes alone.
  std::span<const Found> found() const { return found_; }
  uint64_t distances() const { return distances_; }
  // How many of the `pool` nearest nodes met are allowed; it ended early: of all that it found. 0
  // where it was given up.
  uint32_t allowed_around() const { return allowed_around_; }

 private:
  static constexpr uint32_t kStepsPerCheck = 256;
  static constexpr uint32_t kNotPrefetched = 4;
  static constexpr uint64_t kMetBeforeLook = 256;

  template <typename Score, typename Allow>
  void Expand(const Graph& graph, uint32_t node, const Score& score, const Allow& allow);
  template <typename Score, typename Allow>
  void Take(uint32_t count, const Score& score, const Allow& allow);

  VisitedSet visited_;
  WalkPool leading_;
  WalkPool allowed_;
  std::array<uint32_t, Graph::kMaxDegree> nodes_;
  std::array<float, Graph::kMaxDegree> scores_;

  std::span<const Found> found_;
  uint64_t distances_ = 0;
  uint32_t allowed_around_ = 0;
  uint64_t allowed_met_ = 0;
};

template <typename Score, typename Allow>
absl::Status FilteredWalk::Run(const Graph& graph, const Score& score,
                               const FilteredWalkOptions& options, const Allow& allow,
                               const Call& call) {
  found_ = {};
  distances_ = 0;
  allowed_around_ = 0;
  leading_.Reset(options.pool);
  allowed_.Reset(options.ef);
  if (graph.nodes() == 0) return absl::OkStatus();
  visited_.Reset(graph.nodes());
  Descend(graph, visited_, nodes_.data(), scores_.data(),
          [&](uint32_t count) { Take(count, score, allow); });
  bool early = false;
  const uint64_t descent = distances_;  // far from the query, most likely
  allowed_met_ = 0;
  bool looked = false;
  for (uint32_t steps = 1; leading_.HasUnexpanded(); ++steps) {
    if (!looked && distances_ - descent >= kMetBeforeLook) {
      // Once: until the pool of allowed nodes is full, all that are met are counted.
      looked = true;
      const double met = static_cast<double>(distances_ - descent);
      if (!allowed_.full() && allowed_met_ < options.least_share * met) {
        found_ = allowed_.Finish(AllNodes{});
        return absl::OkStatus();
      }
    }
    if (leading_.NearestDistance() > allowed_.bound()) {
      early = true;
      break;
    }
    Expand(graph, leading_.TakeNearest(), score, allow);
    if (steps % kStepsPerCheck == 0) KITH_RETURN_IF_ERROR(call.Check());
  }
  found_ = allowed_.Finish(AllNodes{});
  const float around = early ? std::numeric_limits<float>::infinity() : leading_.bound();
  for (const Found& found : found_) allowed_around_ += found.distance <= around ? 1 : 0;
  return absl::OkStatus();
}

template <typename Score, typename Allow>
void FilteredWalk::Expand(const Graph& graph, uint32_t node, const Score& score,
                          const Allow& allow) {
  const uint32_t degree = graph.degree();
  const uint32_t* neighbours = graph.neighbours(node);
  const uint32_t count = visited_.InsertAll(neighbours, degree, nodes_.data());
  if constexpr (requires { score.Prefetch(0u); }) {
    for (uint32_t i = kNotPrefetched; i < count; ++i) score.Prefetch(nodes_[i]);
  }
  if constexpr (requires { allow.Prefetch(0u); }) {
    for (uint32_t i = 0; i < count; ++i) allow.Prefetch(nodes_[i]);
  }
  if (leading_.HasUnexpanded()) {
    const auto* next = reinterpret_cast<const char*>(graph.neighbours(leading_.PeekNearest()));
    for (uint32_t byte = 0; byte < degree * sizeof(uint32_t); byte += 64) {
      __builtin_prefetch(next + byte);
    }
  }
  if (count > 0) Take(count, score, allow);
}

// Scores nodes_[0..count) and merges them into the pools.
template <typename Score, typename Allow>
void FilteredWalk::Take(uint32_t count, const Score& score, const Allow& allow) {
  score(nodes_.data(), count, scores_.data());
  distances_ += count;
  for (uint32_t i = 0; i < count; ++i) {
    if (scores_[i] < leading_.bound()) leading_.Push({scores_[i], nodes_[i]}, AllNodes{});
    if (scores_[i] < allowed_.bound() && allow(nodes_[i])) {
      ++allowed_met_;
      allowed_.Push({scores_[i], nodes_[i]}, AllNodes{});
    }
  }
}

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_FILTERED_WALK_H_
