// Between which two scores a row's exact score must lie, given the integer product of its codes
// with the query's. The algebra is in quantizer.h; the bounds here also cover the rounding of
// float64, in the scan and in the exact scores, so that dropping a row by its upper bound never
// drops a right answer. Internal to index/; compiled into the inner loop of the scan.

#ifndef KITH_INDEX_CODE_BOUNDS_H_
#define KITH_INDEX_CODE_BOUNDS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "index/growing_segment.h"
#include "index/metric.h"
#include "index/query.h"

namespace kith::index {

struct Bounds {
  double lower;
  double upper;
};

// Float64 sums of at most 4096 terms over 32 lanes err by less than 133 * 2^-53 of the product of
// the norms, and a dozen further operations by as many 2^-53: together far less than this part of
// it.
inline constexpr double kRounding = 1e-12;

// Cosine and inner product: linear in the product of codes.
template <Metric kMetric>
class LinearBounds {
 public:
  explicit LinearBounds(const Query& query)
      : scale_(query.quantized.scale),
        code_norm_(query.quantized.code_norm),
        slack_(query.quantized.residual + kRounding * query.quantized.norm) {
    if constexpr (kMetric == Metric::kCosine) {
      scale_ /= query.quantized.norm;
      code_norm_ /= query.quantized.norm;
      slack_ /= query.quantized.norm;
    }
  }

  // What the scan compares upper bounds with: a score that is not below `floor` after rounding to
  // float32 was not below this.
  static double Limit(float floor) { return std::nextafter(floor, -HUGE_VALF); }

  bool MayReach(const RowInfo& row, int32_t product, double limit) const {
    return row.scale * scale_ * product + Error(row) >= limit;
  }

  Bounds Of(const RowInfo& row, int32_t product) const {
    const double score = row.scale * scale_ * product;
    return {score - Error(row), score + Error(row)};
  }

 private:
  double Error(const RowInfo& row) const {
    if constexpr (kMetric == Metric::kCosine) return row.residual * code_norm_ + slack_;
    return row.residual * code_norm_ + row.norm * slack_;
  }

  double scale_;      // t, of |q| under cosine
  double code_norm_;  // |t d|, likewise
  double slack_;      // |p| and rounding, likewise
};

// Euclidean distance: |t d - s c|^2 from the norms and the product, compared without a square root.
class L2Bounds {
 public:
  explicit L2Bounds(const Query& query)
      : minus_twice_scale_(-2 * query.quantized.scale),
        code_square_(query.quantized.code_norm * query.quantized.code_norm),
        residual_(query.quantized.residual) {}

  // The distance that belongs to it.
  static double Limit(float floor) {
    return -static_cast<double>(std::nextafter(floor, -HUGE_VALF));
  }

  bool MayReach(const RowInfo& row, int32_t product, double limit) const {
    const double squares = code_square_ + row.norm;
    const double reach = limit + row.residual + residual_;
    return squares * (1 - kRounding) + row.scale * minus_twice_scale_ * product <= reach * reach;
  }

  Bounds Of(const RowInfo& row, int32_t product) const {
    const double squares = code_square_ + row.norm;
    const double square = squares + row.scale * minus_twice_scale_ * product;
    const double error = row.residual + residual_;
    const double nearest = std::sqrt(std::max(0.0, square - kRounding * squares)) - error;
    const double farthest = std::sqrt(std::max(0.0, square + kRounding * squares)) + error;
    return {-farthest, -std::max(0.0, nearest)};
  }

 private:
  double minus_twice_scale_;  // -2 t
  double code_square_;        // |t d|^2
  double residual_;           // |p|
};

}  // namespace kith::index

#endif  // KITH_INDEX_CODE_BOUNDS_H_
