#include "index/vector_check.h"

#include <cmath>
#include <string>

#include "fmt/format.h"
#include "index/kernels/kernels.h"
#include "kith/base/error.h"

namespace kith::index {
namespace {

constexpr double kMinNorm = 1e-18;
constexpr double kMaxNorm = 1e18;

}  // namespace

absl::Status ValidateDimension(uint64_t dimension) {
  if (dimension >= 1 && dimension <= kMaxDimension) return absl::OkStatus();
  return InvalidArgument(reason::kDimensionMismatch, "dimension must be 1..{}, got {}",
                         kMaxDimension, dimension)
      .With("dimension", dimension);
}

absl::Status ValidateVector(std::span<const float> vector, Metric metric, uint32_t dimension) {
  if (vector.size() != dimension) {
    return InvalidArgument(reason::kDimensionMismatch,
                           "got {} components, the vector space has dimension {}", vector.size(),
                           dimension)
        .With("got", vector.size())
        .With("dimension", dimension);
  }
  // In float64 no sum of squares of floats overflows or vanishes; NaN and infinity carry through.
  const double squares = BestKernels().dot_f32(vector.data(), vector.data(), vector.size());
  if (!std::isfinite(squares)) {
    size_t position = 0;
    while (std::isfinite(vector[position])) ++position;
    return InvalidArgument(reason::kVectorNotFinite, "component {} is {}", position,
                           std::isnan(vector[position]) ? "NaN" : "infinite")
        .Field(fmt::format("[{}]", position))
        .With("position", position);
  }
  const double norm = std::sqrt(squares);
  if (norm == 0 && metric == Metric::kCosine) {
    return InvalidArgument(reason::kZeroVector, "a zero vector has no direction under cosine");
  }
  if (norm > kMaxNorm || (norm < kMinNorm && metric == Metric::kCosine)) {
    return InvalidArgument(reason::kVectorNorm, "norm {:.6g} is {} {:g}", norm,
                           norm > kMaxNorm ? "over" : "under",
                           norm > kMaxNorm ? kMaxNorm : kMinNorm)
        .With("norm", norm);
  }
  return absl::OkStatus();
}

}  // namespace kith::index
