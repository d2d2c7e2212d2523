// MergeGraphs: the graphs of adjacent segments -> one graph of all their rows, in a fraction of the
// time that building it takes, since what the graphs know of their own rows is used. Used as
// BuildGraph is.
//
// The largest graph stays as it is; what is dead is cut out, and a row that linked to it gets links
// of what it linked to. The rows of all other graphs go in: those on upper levels, a random sample,
// as if nothing were known of them; then, from these outwards, every other row by a short walk,
// which begins at those of its old neighbours that have gone in before it, and chooses its links
// among these and what it finds. Levels stay what they were.

#ifndef KITH_INDEX_GRAPH_GRAPH_MERGER_H_
#define KITH_INDEX_GRAPH_GRAPH_MERGER_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "index/graph/graph.h"
#include "index/graph/graph_builder.h"
#include "kith/base/call.h"

namespace kith::index {

// A graph, and what became of its slots.
struct GraphPart {
  static constexpr uint32_t kDead = UINT32_MAX;

  const Graph* graph = nullptr;
  std::span<const uint32_t> row_of_slot;  // [graph->nodes()]: a row, or kDead
};

// The pool of short walks that makes merged graphs as good as built ones, where data have the
// structure that graphs live by.
constexpr uint32_t ShortPool(const GraphOptions& options) {
  const uint32_t share = options.ef_construction * 3 / 10;
  return share < options.m ? options.m : share;
}

// Whether merging is worth it, and as good as building: no graph is used of which a fifth is dead
// or that has another number of links; and those used must have half of the rows.
bool IsMergeable(uint32_t rows, std::span<const GraphPart> parts, const GraphOptions& options);

// As BuildGraph; with one thread, the same input makes the same graph. Rows that are in no part, or
// in one that is not used, are inserted. INVALID_ARGUMENT also for a `pool` of none or more than
// ef_construction. REQUIRES: IsMergeable; no row is in two places.
absl::StatusOr<BuiltGraph> MergeGraphs(const BuildRows& rows, std::span<const GraphPart> parts,
                                       const GraphOptions& options, uint32_t pool, const Call& call,
                                       const GraphProgress& progress = {});

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_GRAPH_MERGER_H_
