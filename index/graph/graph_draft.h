// GraphDraft: a graph under construction, by rows, as builders make it and the freezer takes it.
// Internal to index/graph/.

#ifndef KITH_INDEX_GRAPH_GRAPH_DRAFT_H_
#define KITH_INDEX_GRAPH_GRAPH_DRAFT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "index/graph/graph.h"
#include "index/graph/graph_builder.h"
#include "index/graph/graph_merger.h"
#include "index/huge_memory.h"

namespace kith::index {

// Link lists have a fixed length and are filled up with the row itself, as in Graph.
struct GraphDraft {
  uint32_t rows = 0;
  uint32_t m = 0;
  uint32_t entry = 0;             // a row of the highest level
  HugeMemory level0;              // [rows][2 m] u32
  std::vector<uint8_t> levels;    // [rows]: the highest level a row is on
  std::vector<uint64_t> offsets;  // [rows]: where in `upper` its lists begin
  std::vector<uint32_t> upper;    // [a row's levels from 1 up][m]

  // No links yet. RESOURCE_EXHAUSTED without memory.
  static absl::StatusOr<GraphDraft> Make(uint32_t m, std::vector<uint8_t> levels);

  uint32_t degree() const { return 2 * m; }
  uint32_t* Links(uint32_t row) {
    return reinterpret_cast<uint32_t*>(level0.data()) + size_t{row} * degree();
  }
  const uint32_t* Links(uint32_t row) const {
    return reinterpret_cast<const uint32_t*>(level0.data()) + size_t{row} * degree();
  }
  // REQUIRES: 1 <= level <= levels[row].
  uint32_t* UpperLinks(uint32_t row, uint32_t level) {
    return upper.data() + offsets[row] + size_t{level - 1} * m;
  }
  const uint32_t* UpperLinks(uint32_t row, uint32_t level) const {
    return upper.data() + offsets[row] + size_t{level - 1} * m;
  }
};

// Links every row that no path from the entry reaches on level 0 from one that a path does, in the
// place of a link that no path needs. Builders leave such rows behind where pruning takes a row's
// last incoming link, most of all among duplicates. Returns how many links were set.
uint32_t LinkUnreachable(const BuildRows& rows, GraphDraft& draft);

// The image of the draft, nodes numbered breadth first.
absl::StatusOr<BuiltGraph> FreezeGraph(const GraphDraft& draft);

// The builders. `progress` may be empty.
absl::StatusOr<GraphDraft> BuildByHnswlib(const BuildRows& rows, const GraphOptions& options,
                                          const Call& call, const GraphProgress& progress);
absl::StatusOr<GraphDraft> BuildByKith(const BuildRows& rows, const GraphOptions& options,
                                       const Call& call, const GraphProgress& progress);
absl::StatusOr<GraphDraft> MergeByKith(const BuildRows& rows, std::span<const GraphPart> parts,
                                       const GraphOptions& options, uint32_t pool, const Call& call,
                                       const GraphProgress& progress);

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_GRAPH_DRAFT_H_
