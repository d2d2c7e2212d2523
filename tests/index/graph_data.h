// Graphs for tests: rows of a family, coded for building, and their graph.

#ifndef KITH_TESTS_INDEX_GRAPH_DATA_H_
#define KITH_TESTS_INDEX_GRAPH_DATA_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "index/codes/build_codes.h"
#include "index/graph/graph_builder.h"
#include "index/graph/graph_walk.h"
#include "index/kernels/kernels.h"
#include "tests/index/data.h"

namespace kith::index {

class CodedRows {
 public:
  CodedRows(Metric metric, uint32_t dimension, std::vector<Vector> rows)
      : rows_(std::move(rows)), coder_(metric, dimension, Sample(rows_, dimension), BestKernels()) {
    codes_ = *HugeMemory::Allocate(rows_.size() * coder_.row_bytes());
    for (size_t i = 0; i < rows_.size(); ++i) coder_.Encode(rows_[i].data(), Code(i));
  }

  static CodedRows Make(Metric metric, Family family, uint32_t dimension, size_t count,
                        uint64_t seed) {
    VectorMaker maker(family, dimension, seed);
    std::vector<Vector> rows(count);
    for (Vector& row : rows) row = maker.Next();
    return CodedRows(metric, dimension, std::move(rows));
  }

  BuildRows build_rows() const {
    return {&coder_, codes_.data(), static_cast<uint32_t>(rows_.size())};
  }
  uint32_t count() const { return static_cast<uint32_t>(rows_.size()); }
  const Vector& row(uint32_t i) const { return rows_[i]; }

  // Between rows, as built with.
  float Distance(uint32_t a, uint32_t b) const { return coder_.Distance(Code(a), Code(b)); }

 private:
  struct Sample {
    Sample(const std::vector<Vector>& rows, uint32_t dimension) : one(dimension, 1.0f) {
      for (const Vector& row : rows) pointers.push_back(row.data());
      // A coder wants a row to learn from, even where none is there to be coded.
      if (pointers.empty()) pointers.push_back(one.data());
    }
    operator std::span<const float* const>() const { return pointers; }  // NOLINT: that is its use
    Vector one;
    std::vector<const float*> pointers;
  };

  std::byte* Code(size_t i) { return codes_.data() + i * coder_.row_bytes(); }
  const std::byte* Code(size_t i) const { return codes_.data() + i * coder_.row_bytes(); }

  std::vector<Vector> rows_;
  BuildCoder coder_;
  HugeMemory codes_;
};

// Scores nodes of a graph by the distance of their rows from row `query`.
struct RowScore {
  const CodedRows& rows;
  const Graph& graph;
  uint32_t query;

  void operator()(const uint32_t* nodes, size_t count, float* distances) const {
    ASSERT_GE(count, 1u);
    ASSERT_LE(count, Graph::kMaxDegree);
    for (size_t i = 0; i < count; ++i) distances[i] = rows.Distance(query, graph.slot(nodes[i]));
  }
};

// The least `k` distances of allowed rows from row `query`, sorted.
template <typename Allow>
std::vector<float> NearestDistances(const CodedRows& rows, const Graph& graph, uint32_t query,
                                    size_t k, const Allow& allow) {
  std::vector<float> distances;
  for (uint32_t node = 0; node < graph.nodes(); ++node) {
    if (allow(node)) distances.push_back(rows.Distance(query, graph.slot(node)));
  }
  std::sort(distances.begin(), distances.end());
  distances.resize(std::min(k, distances.size()));
  return distances;
}

}  // namespace kith::index

#endif  // KITH_TESTS_INDEX_GRAPH_DATA_H_
