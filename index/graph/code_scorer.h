// CodeScorer: how GraphWalk scores nodes by the codes that stand beside a graph, in its order.
// Borrows all of it. Internal to index/.

#ifndef KITH_INDEX_GRAPH_CODE_SCORER_H_
#define KITH_INDEX_GRAPH_CODE_SCORER_H_

#include <cstddef>
#include <cstdint>

#include "index/codes/code_query.h"

namespace kith::index {

struct CodeScorer {
  const CodeQuery& query;
  const std::byte* codes;  // [nodes][row_bytes]
  size_t row_bytes;

  void operator()(const uint32_t* nodes, size_t count, float* distances) const {
    query.Gather(codes, row_bytes, nodes, count, distances);
  }

  void Prefetch(uint32_t node) const {
    const std::byte* row = codes + size_t{node} * row_bytes;
    for (size_t byte = 0; byte < row_bytes; byte += 64) __builtin_prefetch(row + byte);
  }
};

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_CODE_SCORER_H_
