// The kernels as formulas, in double where it matters: the oracle of the others, for anyone to
// check.

#include <algorithm>
#include <cmath>

#include "encoder/kernels/kernels.h"

namespace kith::encoder {
namespace {

void AddBias(float* x, size_t rows, size_t cols, const float* bias) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < cols; ++c) x[r * cols + c] += bias[c];
  }
}

template <double (*f)(double)>
void BiasThen(float* x, size_t rows, size_t cols, const float* bias) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < cols; ++c) {
      float& value = x[r * cols + c];
      value = static_cast<float>(f(value + bias[c]));
    }
  }
}

double Gelu(double x) { return 0.5 * x * std::erfc(-x * M_SQRT1_2); }

double GeluTanh(double x) {
  const double inner = std::sqrt(M_2_PI) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1 + std::tanh(inner));
}

double Relu(double x) { return std::max(x, 0.0); }

void Softmax(float* x, size_t rows, size_t cols, size_t stride) {
  for (size_t r = 0; r < rows; ++r, x += stride) {
    const double max = *std::max_element(x, x + cols);
    double sum = 0;
    for (size_t c = 0; c < cols; ++c) sum += std::exp(x[c] - max);
    for (size_t c = 0; c < cols; ++c) x[c] = static_cast<float>(std::exp(x[c] - max) / sum);
  }
}

void AddLayerNorm(float* x, size_t cols, const float* add, const float* bias, const float* gamma,
                  const float* beta, float eps) {
  const double n = static_cast<double>(cols);
  double sum = 0;
  for (size_t c = 0; c < cols; ++c) {
    x[c] += add[c] + bias[c];
    sum += x[c];
  }
  const double mean = sum / n;
  double squares = 0;
  for (size_t c = 0; c < cols; ++c) squares += (x[c] - mean) * (x[c] - mean);
  const double scale = 1 / std::sqrt(squares / n + eps);
  for (size_t c = 0; c < cols; ++c) {
    x[c] = static_cast<float>((x[c] - mean) * scale * gamma[c] + beta[c]);
  }
}

}  // namespace

const Kernels kScalarKernels = {
    .name = "scalar",
    .add_bias = AddBias,
    .bias_gelu = BiasThen<Gelu>,
    .bias_gelu_tanh = BiasThen<GeluTanh>,
    .bias_relu = BiasThen<Relu>,
    .softmax = Softmax,
    .add_layer_norm = AddLayerNorm,
};

}  // namespace kith::encoder
