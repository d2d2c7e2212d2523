// The kernels as formulas, in double where it matters: the oracle of the others, for anyone to
// check.

#include <algorithm>
#include <cmath>

#include "encoder/kernels/sets.h"

namespace kith::encoder::scalar {
namespace {

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

double Finished(Epilogue epilogue, double x) {
  switch (epilogue) {
    case Epilogue::kGelu:
      return Gelu(x);
    case Epilogue::kGeluTanh:
      return GeluTanh(x);
    case Epilogue::kRelu:
      return Relu(x);
    case Epilogue::kStore:
    case Epilogue::kAdd:
      return x;
  }
  return x;
}

double Widened(float x) { return x; }
double Widened(unsigned char x) { return x; }
double Widened(signed char x) { return x; }
double Widened(unsigned short bf16) {
  const unsigned bits = static_cast<unsigned>(bf16) << 16;
  float x;
  __builtin_memcpy(&x, &bits, sizeof(x));
  return x;
}

// Panels of one column each.
template <typename Activation, typename Weight>
void Multiply(const Product& p) {
  constexpr bool kQuantised = sizeof(Weight) == 1;
  const auto* a = static_cast<const Activation*>(p.a);
  const auto* b = static_cast<const Weight*>(p.panels);
  for (size_t r = 0; r < p.rows; ++r) {
    for (size_t c = p.panel_begin; c < p.panel_end; ++c) {
      double sum = 0;
      for (size_t k = 0; k < p.depth; ++k) {
        sum += Widened(a[r * p.a_stride + k]) * Widened(b[c * p.depth + k]);
      }
      if (kQuantised) {
        sum = sum * p.a_scale[r] * p.b_scale[c] + static_cast<double>(p.a_offset[r]) * p.b_sums[c];
      }
      float& out = p.c[r * p.c_stride + c];
      const double old = p.epilogue == Epilogue::kAdd ? out : 0;
      out = static_cast<float>(old + Finished(p.epilogue, sum + p.bias[c]));
    }
  }
}

void Quantise(const float* x, size_t rows, size_t depth, void* out, size_t to_stride, float* scale,
              float* offset) {
  auto* to = static_cast<unsigned char*>(out);
  for (size_t r = 0; r < rows; ++r, x += depth, to += to_stride) {
    float min = x[0], max = x[0], poison = 0;
    for (size_t k = 0; k < depth; ++k) {
      min = x[k] < min ? x[k] : min;
      max = x[k] > max ? x[k] : max;
      poison += x[k] * 0;
    }
    const float range = max - min;
    poison += range * 0;  // of finite numbers, but perhaps not finite itself
    // A row that is not finite has a product that is not, by its offset; its codes say nothing.
    const bool flat = !(range > 1e-30f) || poison != 0;
    scale[r] = flat ? 0 : range / 255;
    offset[r] = min + poison;
    for (size_t k = 0; k < to_stride; ++k) {
      to[k] =
          flat || k >= depth ? 0 : static_cast<unsigned char>((x[k] - min) * (255 / range) + 0.5f);
    }
  }
}

}  // namespace

void AddBias(float* x, size_t rows, size_t cols, const float* bias) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < cols; ++c) x[r * cols + c] += bias[c];
  }
}

void BiasGelu(float* x, size_t rows, size_t cols, const float* bias) {
  BiasThen<Gelu>(x, rows, cols, bias);
}
void BiasGeluTanh(float* x, size_t rows, size_t cols, const float* bias) {
  BiasThen<GeluTanh>(x, rows, cols, bias);
}
void BiasRelu(float* x, size_t rows, size_t cols, const float* bias) {
  BiasThen<Relu>(x, rows, cols, bias);
}

void Softmax(float* x, size_t rows, size_t cols, size_t stride) {
  for (size_t r = 0; r < rows; ++r, x += stride) {
    const double max = *std::max_element(x, x + cols);
    double sum = 0;
    for (size_t c = 0; c < cols; ++c) sum += std::exp(x[c] - max);
    for (size_t c = 0; c < cols; ++c) x[c] = static_cast<float>(std::exp(x[c] - max) / sum);
  }
}

void LayerNorm(float* x, size_t rows, size_t cols, const float* gamma, const float* beta,
               float eps) {
  const double n = static_cast<double>(cols);
  for (size_t r = 0; r < rows; ++r, x += cols) {
    double sum = 0, squares = 0;
    for (size_t c = 0; c < cols; ++c) sum += x[c];
    const double mean = sum / n;
    for (size_t c = 0; c < cols; ++c) squares += (x[c] - mean) * (x[c] - mean);
    const double scale = 1 / std::sqrt(squares / n + eps);
    for (size_t c = 0; c < cols; ++c) {
      x[c] = static_cast<float>((x[c] - mean) * scale * gamma[c] + beta[c]);
    }
  }
}

void Attend(const Attention& p) {
  for (size_t i = 0; i < p.tokens; ++i) {
    float* scores = p.scratch;
    for (size_t j = 0; j < p.tokens; ++j) {
      double sum = 0;
      for (size_t d = 0; d < p.head_size; ++d) {
        sum += static_cast<double>(p.queries[i * p.stride + d]) * p.keys[j * p.stride + d];
      }
      scores[j] = static_cast<float>(sum * p.scale);
      if (p.bias != nullptr) scores[j] += *(p.bias + j - i);
    }
    Softmax(scores, 1, p.tokens, p.tokens);
    for (size_t d = 0; d < p.head_size; ++d) {
      double sum = 0;
      for (size_t j = 0; j < p.tokens; ++j) {
        sum += static_cast<double>(scores[j]) * p.values[j * p.stride + d];
      }
      p.out[i * p.out_stride + d] = static_cast<float>(sum);
    }
  }
}

const GemmKernels kF32 = {1, 1, 4, 4, nullptr, Multiply<float, float>};
const GemmKernels kBf16 = {1, 1, 2, 4, nullptr, Multiply<float, unsigned short>};
const GemmKernels kInt8 = {1, 1, 1, 1, Quantise, Multiply<unsigned char, signed char>};

}  // namespace kith::encoder::scalar
