// InsertRows: rows into a graph that has an entry, in the order that suits the graph. Shared by
// what builds graphs and what merges them; internal to index/graph/.

#ifndef KITH_INDEX_GRAPH_ROW_INSERTION_H_
#define KITH_INDEX_GRAPH_ROW_INSERTION_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "index/graph/graph_builder.h"
#include "index/graph/graph_linker.h"
#include "kith/base/call.h"

namespace kith::index {

// The level of a row: a geometric distribution, m rows for one on the next level. By the row's
// number alone, so that a build by one thread is the same every time.
uint8_t DrawLevel(uint64_t row, uint32_t m);

// Rows on upper levels, a random sample, go in first. All others follow in the order of the graph,
// not of ordinals: sorted by where their descent ends, so that a row's search finds in the caches
// what the search before it has read. `scratch`: one a thread. REQUIRES: the entry is not among
// them. `progress` counts `rows`.
absl::Status InsertRows(GraphLinker& linker, std::span<const uint32_t> rows,
                        const GraphOptions& options, const Call& call,
                        const GraphProgress& progress, std::span<GraphLinker::Scratch> scratch);

// Consecutive rows that a thread takes: near each other, they should not go in at the same time.
inline constexpr uint32_t kNearRows = 128;

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_ROW_INSERTION_H_
