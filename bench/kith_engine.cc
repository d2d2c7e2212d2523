#include "bench/kith_engine.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "fmt/format.h"
#include "index/codes/build_codes.h"
#include "index/graph/code_scorer.h"
#include "kith/base/status_macros.h"

namespace kith::bench {
namespace {

using index::BuildCoder;
using index::BuiltGraph;
using index::CodeBook;
using index::CodeKind;
using index::Graph;
using index::HugeMemory;
using index::Metric;

std::vector<const float*> Sample(const Vectors& base, size_t most) {
  std::vector<const float*> sample;
  const size_t step = base.count() / most + 1;
  for (size_t row = 0; row < base.count(); row += step) sample.push_back(base.row(row));
  return sample;
}

}  // namespace

absl::StatusOr<BuiltGraph> BuildKithGraph(const Vectors& base, Metric metric,
                                          const index::GraphOptions& options) {
  const BuildCoder coder(metric, base.dimension, Sample(base, 1000), index::BestKernels());
  KITH_ASSIGN_OR_RETURN(HugeMemory codes, HugeMemory::Allocate(base.count() * coder.row_bytes()));
  for (size_t row = 0; row < base.count(); ++row) {
    coder.Encode(base.row(row), codes.data() + row * coder.row_bytes());
  }
  return index::BuildGraph({&coder, codes.data(), static_cast<uint32_t>(base.count())}, options,
                           Call::Background());
}

KithEngine::KithEngine(const Vectors& base, Metric metric, CodeKind kind, const Graph& graph)
    : base_(base),
      metric_(metric),
      graph_(graph),
      kernels_(index::BestKernels()),
      book_(CodeBook::Learn(kind, metric, base.dimension, Sample(base, CodeBook::kMaxSample),
                            kernels_)),
      inverse_norms_(base.count()) {
  auto codes = HugeMemory::Allocate(base.count() * book_.row_bytes());
  if (!codes.ok()) {
    fmt::print(stderr, "{}\n", codes.status().ToString());
    std::exit(1);
  }
  codes_ = *std::move(codes);
  for (uint32_t node = 0; node < graph.nodes(); ++node) {
    book_.Encode(base.row(graph.slot(node)), codes_.data() + node * book_.row_bytes());
  }
  for (size_t row = 0; row < base.count(); ++row) {
    inverse_norms_[row] =
        1 / std::sqrt(kernels_.dot_f32(base.row(row), base.row(row), base.dimension));
  }
}

float KithEngine::Score(const float* query, double query_norm, uint32_t row) const {
  switch (metric_) {
    case Metric::kCosine:
      return static_cast<float>(kernels_.dot_f32(query, base_.row(row), base_.dimension) *
                                inverse_norms_[row] / query_norm);
    case Metric::kDot:
      return static_cast<float>(kernels_.dot_f32(query, base_.row(row), base_.dimension));
    case Metric::kL2:
      return static_cast<float>(
          -std::sqrt(kernels_.squared_l2_f32(query, base_.row(row), base_.dimension)));
  }
  return 0;
}

void KithEngine::Search(const float* query, uint32_t k, uint32_t ef, std::vector<uint32_t>& rows) {
  query_.Prepare(book_, query, kernels_);
  const index::CodeScorer score = {query_, codes_.data(), book_.row_bytes()};
  const absl::Status status =
      walk_.Run(graph_, score, {.ef = ef}, index::AllNodes{}, Call::Background());
  if (!status.ok()) std::exit(1);
  distances_ += walk_.distances();

  const double query_norm = std::sqrt(kernels_.dot_f32(query, query, base_.dimension));
  const auto better = [](const Hit& a, const Hit& b) { return a.score > b.score; };
  const auto found = walk_.found();
  best_.clear();
  const auto prefetch = [&](size_t i) {
    if (i >= found.size()) return;
    const float* row = base_.row(graph_.slot(found[i].node));
    for (uint32_t c = 0; c < base_.dimension; c += 16) __builtin_prefetch(row + c);
  };
  prefetch(0);
  prefetch(1);
  float reach = std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < found.size(); ++i) {
    const auto& candidate = found[i];
    if (candidate.distance > reach) break;
    prefetch(i + 2);
    const uint32_t row = graph_.slot(candidate.node);
    const float exact = Score(query, query_norm, row);
    ++rescored_;
    if (best_.size() == k) {
      if (exact <= best_.front().score) continue;
      std::pop_heap(best_.begin(), best_.end(), better);
      best_.back() = {exact, row};
    } else {
      best_.push_back({exact, row});
    }
    std::push_heap(best_.begin(), best_.end(), better);
    if (best_.size() == k) reach = query_.Reach(best_.front().score);
  }
  std::sort_heap(best_.begin(), best_.end(), better);
  rows.clear();
  for (const Hit& hit : best_) rows.push_back(hit.row);
}

double KithEngine::bytes_per_vector() const {
  return static_cast<double>(codes_.size_bytes() + graph_.size_bytes()) /
         static_cast<double>(std::max(1u, graph_.nodes()));
}

}  // namespace kith::bench
