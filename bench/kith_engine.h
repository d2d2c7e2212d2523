// A graph of Kith with its codes and exact rows in memory: what a sealed segment searches, without
// the files around it, so that builders and code kinds can be compared.

#ifndef KITH_BENCH_KITH_ENGINE_H_
#define KITH_BENCH_KITH_ENGINE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/index_data.h"
#include "index/codes/code_book.h"
#include "index/codes/code_query.h"
#include "index/graph/graph_builder.h"
#include "index/graph/graph_walk.h"
#include "index/kernels/kernels.h"
#include "index/metric.h"

namespace kith::bench {

// The graph, built over build codes.
absl::StatusOr<index::BuiltGraph> BuildKithGraph(const Vectors& base, index::Metric metric,
                                                 const index::GraphOptions& options);

class KithEngine {
 public:
  // `base` and `graph` must outlive it.
  KithEngine(const Vectors& base, index::Metric metric, index::CodeKind kind,
             const index::Graph& graph);

  // The best k rows by exact score among what a walk finds, nearest first.
  void Search(const float* query, uint32_t k, uint32_t ef, std::vector<uint32_t>& rows);

  double bytes_per_vector() const;
  // Of all searches so far.
  uint64_t distances() const { return distances_; }
  uint64_t rescored() const { return rescored_; }

 private:
  float Score(const float* query, double query_norm, uint32_t row) const;

  const Vectors& base_;
  const index::Metric metric_;
  const index::Graph& graph_;
  const index::Kernels& kernels_;
  const index::CodeBook book_;
  index::HugeMemory codes_;            // [nodes][row_bytes]
  std::vector<double> inverse_norms_;  // [rows], under cosine

  index::CodeQuery query_;
  index::GraphWalk walk_;
  struct Hit {
    float score;
    uint32_t row;
  };
  std::vector<Hit> best_;
  uint64_t distances_ = 0;
  uint64_t rescored_ = 0;
};

}  // namespace kith::bench

#endif  // KITH_BENCH_KITH_ENGINE_H_
