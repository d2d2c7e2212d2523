#include "index/codes/build_codes.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace kith::index {
namespace {

// A row may be as far from the mean as this many units before it is pulled in, so that squares of
// scales stay within float32.
constexpr double kMaxUnits = 1e15;

size_t PaddedTo(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

double Square(std::span<const double> v) {
  double sum = 0;
  for (double x : v) sum += x * x;
  return sum;
}

}  // namespace

BuildCoder::BuildCoder(Metric metric, uint32_t dimension, std::span<const float* const> sample,
                       const Kernels& kernels)
    : metric_(metric),
      dimension_(dimension),
      code_bytes_(PaddedTo(dimension, kRowPadding)),
      row_bytes_(PaddedTo(code_bytes_ + sizeof(BuildRowTail), kRowPadding)),
      score_build_rows_(kernels.score_build_codes),
      mean_(dimension, 0.0) {
  std::vector<double> moved(dimension);
  double squares = 0;
  if (metric != Metric::kDot) {
    for (const float* row : sample) {
      Normalize(row, moved.data());
      for (uint32_t i = 0; i < dimension; ++i) mean_[i] += moved[i];
    }
    for (double& m : mean_) m /= static_cast<double>(sample.size());
  }
  if (metric == Metric::kCosine) return;
  for (const float* row : sample) {
    Normalize(row, moved.data());
    for (uint32_t i = 0; i < dimension; ++i) moved[i] -= mean_[i];
    squares += Square(moved);
  }
  squares /= static_cast<double>(sample.size());
  if (squares > 0) unit_ = std::sqrt(squares);
}

// The row as it is, of norm 1 under cosine.
void BuildCoder::Normalize(const float* row, double* to) const {
  double factor = 1;
  if (metric_ == Metric::kCosine) {
    factor = 1 / std::sqrt(BestKernels().dot_f32(row, row, dimension_));
  }
  for (uint32_t i = 0; i < dimension_; ++i) to[i] = row[i] * factor;
}

void BuildCoder::Encode(const float* row, std::byte* code) const {
  double moved[kMaxDimension];
  Normalize(row, moved);
  double largest = 0;
  for (uint32_t i = 0; i < dimension_; ++i) {
    moved[i] = (moved[i] - mean_[i]) / unit_;
    largest = std::max(largest, std::fabs(moved[i]));
  }
  uint8_t* codes = reinterpret_cast<uint8_t*>(code);
  std::memset(codes, kBuildCodeZero, code_bytes_);
  std::memset(codes + code_bytes_, 0, row_bytes_ - code_bytes_);
  const double inverse = largest > 0 ? kMaxBuildCode / largest : 0;
  int32_t sum = 0;
  int32_t squares = 0;
  for (uint32_t i = 0; i < dimension_; ++i) {
    const int value = static_cast<int>(std::lrint(moved[i] * inverse));
    codes[i] = static_cast<uint8_t>(value + kBuildCodeZero);
    sum += value;
    squares += value * value;
  }
  double scale = std::min(largest, kMaxUnits) / kMaxBuildCode;
  if (metric_ == Metric::kL2) scale *= std::sqrt(2.0);
  BuildRowTail tail = {.scale = static_cast<float>(scale), .addend = 0, .sum = sum};
  if (metric_ != Metric::kDot) {
    // |a - b|^2 / 2 of two rows with scales of their own; rounded as the kernels do, so that equal
    // rows are at distance 0.
    tail.addend = 0.5f * ((tail.scale * tail.scale) * static_cast<float>(squares));
  }
  std::memcpy(codes + code_bytes_, &tail, sizeof tail);
}

}  // namespace kith::index
