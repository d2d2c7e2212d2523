#include "index/query.h"

#include <algorithm>
#include <cmath>

#include "fmt/format.h"
#include "index/kernels/kernels.h"
#include "index/vector_check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {

absl::Status QuerySet::Prepare(const IndexOptions& options, std::span<const float> vectors) {
  options_ = options;
  const size_t dimension = options.dimension;
  if (vectors.empty() || vectors.size() % dimension != 0) {
    return InvalidArgument(reason::kDimensionMismatch,
                           "got {} query components, the vector space has dimension {}",
                           vectors.size(), dimension)
        .Field("queries")
        .With("got", vectors.size())
        .With("dimension", dimension);
  }
  const size_t count = vectors.size() / dimension;
  const size_t stride = (dimension + kCodePadding - 1) / kCodePadding * kCodePadding;
  codes_.assign(count * stride, 0);
  queries_.clear();
  for (size_t i = 0; i < count; ++i) {
    const std::span<const float> vector = vectors.subspan(i * dimension, dimension);
    KITH_RETURN_IF_ERROR(InField(ValidateVector(vector, options.metric, options.dimension),
                                 fmt::format("queries[{}]", i)));
    int16_t* codes = codes_.data() + i * stride;
    queries_.push_back({vector.data(), codes, QuantizeQuery(vector, codes)});
  }
  return absl::OkStatus();
}

float QuerySet::Score(const float* exact, double norm) const {
  const Kernels& kernels = *options_.kernels;
  double best = -HUGE_VAL;
  for (const Query& query : queries_) {
    double score = 0;
    switch (options_.metric) {
      case Metric::kCosine:
        score =
            kernels.dot_f32(query.exact, exact, options_.dimension) * norm / query.quantized.norm;
        score = std::clamp(score, -1.0, 1.0);
        break;
      case Metric::kDot:
        score = kernels.dot_f32(query.exact, exact, options_.dimension);
        break;
      case Metric::kL2:
        score = -std::sqrt(kernels.squared_l2_f32(query.exact, exact, options_.dimension));
        break;
    }
    best = std::max(best, score);
  }
  return static_cast<float>(best);
}

}  // namespace kith::index
