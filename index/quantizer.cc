#include "index/quantizer.h"

#include <algorithm>
#include <cmath>

#include "index/kernels/kernels.h"

namespace kith::index {
namespace {

// Adding and subtracting 1.5 * 2^52 rounds to an integer, half to even; unlike std::nearbyint it is
// vectorised without SSE4.1.
constexpr double kRounder = 6755399441055744.0;

// Cover the rounding below: of the sums, each off by less than 4096 * 2^-53 of its value, and of
// every s c, off by 2^-53 of its own.
constexpr double kSumRounding = 1e-9;
constexpr double kProductRounding = 1e-15;

template <typename Code, int kMax>
Quantized Quantize(std::span<const float> vector, Code* codes) {
  float largest = 0;
  for (float x : vector) largest = std::max(largest, std::fabs(x));
  if (largest == 0) {
    std::fill_n(codes, vector.size(), Code{0});
    return {};
  }
  const double scale = static_cast<double>(largest) / kMax;
  const double inverse = kMax / static_cast<double>(largest);
  double squares = 0;
  double code_squares = 0;
  double residual_squares = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    const double x = vector[i];
    const double code = (x * inverse + kRounder) - kRounder;
    codes[i] = static_cast<Code>(static_cast<int>(code));
    const double residual = x - scale * code;
    squares += x * x;
    code_squares += code * code;
    residual_squares += residual * residual;
  }
  const double norm = std::sqrt(squares);
  return {.scale = scale,
          .norm = norm,
          .code_norm = scale * std::sqrt(code_squares),
          .residual = std::sqrt(residual_squares) * (1 + kSumRounding) + norm * kProductRounding};
}

}  // namespace

Quantized QuantizeRow(std::span<const float> vector, int8_t* codes) {
  return Quantize<int8_t, kMaxCode>(vector, codes);
}

Quantized QuantizeQuery(std::span<const float> vector, int16_t* codes) {
  return Quantize<int16_t, kMaxQueryCode>(vector, codes);
}

}  // namespace kith::index
