// BuildGraph: rows, as build codes -> a frozen graph. Used by the build of sealed segments and by
// benches, on a thread of their own; it may take minutes.
//
//   KITH_ASSIGN_OR_RETURN(BuiltGraph built,
//                         BuildGraph({&coder, codes, rows}, {.threads = 2}, call));
//   // node i of built.graph is row built.graph.slot(i)

#ifndef KITH_INDEX_GRAPH_GRAPH_BUILDER_H_
#define KITH_INDEX_GRAPH_GRAPH_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "index/graph/graph.h"
#include "index/huge_memory.h"
#include "kith/base/call.h"

namespace kith::index {

class BuildCoder;

// Rows as BuildCoder coded them: row i at codes + i * coder->row_bytes(). All borrowed.
struct BuildRows {
  const BuildCoder* coder = nullptr;
  const std::byte* codes = nullptr;
  uint32_t count = 0;  // at most Graph::kMaxNodes
};

enum class GraphBuilder : uint8_t {
  kHnswlib,  // hnswlib's own insertion, over our distances: the reference
  kKith,     // kith_builder.cc: as good a graph in less than half of the time
};

struct GraphOptions {
  uint32_t m = 16;  // links a node on the upper levels, twice as many on level 0; 4..64
  uint32_t ef_construction = 200;  // candidates looked at for a node's links; m..4096
  uint32_t threads = 1;            // with more than one the graph depends on their timing
  GraphBuilder builder = GraphBuilder::kKith;
};

struct BuiltGraph {
  HugeMemory image;
  Graph graph;  // of `image`
};

// Called now and then by one of the building threads, never by two at once.
using GraphProgress = std::function<void(uint64_t rows_done, uint64_t rows)>;

// INVALID_ARGUMENT for options out of range, RESOURCE_EXHAUSTED (MEMORY_BUDGET) without memory, or
// what `call` says once nobody waits any more. No rows make a graph of no nodes.
absl::StatusOr<BuiltGraph> BuildGraph(const BuildRows& rows, const GraphOptions& options,
                                      const Call& call, const GraphProgress& progress = {});

// What BuildGraph takes beside its input, at most, the image included; and the size of an image.
// Both err on the upper side. `row_bytes`: of a coded row.
size_t EstimateGraphBuildBytes(uint64_t rows, size_t row_bytes, const GraphOptions& options);
size_t EstimateGraphBytes(uint64_t rows, uint32_t m);

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_GRAPH_BUILDER_H_
