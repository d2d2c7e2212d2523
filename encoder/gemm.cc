#include "encoder/gemm.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "encoder/half.h"
#include "encoder/onednn.h"
#include "kith/base/check.h"

namespace kith::encoder {
namespace {

constexpr size_t kLargestGroup = 4;     // of all kernels
constexpr size_t kLargestPrepared = 2;  // bytes of a prepared activation
constexpr int kLargestInt8 = 127;       // weights are symmetric: -127..127
constexpr size_t kOneDnnPadding = 16;

}  // namespace

LinearScratch::LinearScratch(int rows, int depth)
    : rows_(static_cast<size_t>(rows)),
      numbers_(rows_ * (static_cast<size_t>(depth) + kLargestGroup) * kLargestPrepared),
      scale_(rows_),
      offset_(rows_) {}

LinearWeights::LinearWeights(const float* weights, const float* bias, int outputs, int inputs,
                             const Arithmetic& arithmetic)
    : arithmetic_(arithmetic),
      gemm_(arithmetic.gemm()),
      outputs_(static_cast<size_t>(outputs)),
      inputs_(static_cast<size_t>(inputs)),
      bias_(bias, bias + outputs) {
  if (gemm_ == nullptr) {
    PackForOneDnn(weights);
  } else {
    Pack(weights);
  }
}

float LinearWeights::ScaleOf(const float* row) const {
  float largest = 0;
  for (size_t k = 0; k < inputs_; ++k) largest = std::max(largest, std::fabs(row[k]));
  return largest / kLargestInt8;
}

void LinearWeights::Pack(const float* weights) {
  const size_t columns = gemm_->panel_columns, group = gemm_->group;
  const size_t padded = panels() * columns;
  bias_.resize(padded);
  if (arithmetic_.precision == Precision::kInt8) {
    scale_.resize(padded);
    sums_.resize(padded);
  }
  panels_ = ByteBuffer(padded * depth() * gemm_->weight_bytes);
  std::fill(panels_.data(), panels_.data() + panels_.size(), std::byte{0});
  for (size_t out = 0; out < outputs_; ++out) {
    const float* row = weights + out * inputs_;
    // Of the panel: where this output's first number is.
    const size_t begin = out / columns * columns * depth() + out % columns * group;
    const auto place = [&](size_t k) { return begin + k / group * columns * group + k % group; };
    switch (arithmetic_.precision) {
      case Precision::kFloat32: {
        auto* to = reinterpret_cast<float*>(panels_.data());
        for (size_t k = 0; k < inputs_; ++k) to[place(k)] = row[k];
        break;
      }
      case Precision::kBfloat16: {
        auto* to = reinterpret_cast<uint16_t*>(panels_.data());
        for (size_t k = 0; k < inputs_; ++k) to[place(k)] = Bf16FromFloat(row[k]);
        break;
      }
      case Precision::kInt8: {
        auto* to = reinterpret_cast<int8_t*>(panels_.data());
        const float scale = ScaleOf(row);
        int sum = 0;
        for (size_t k = 0; k < inputs_ && scale > 0; ++k) {
          const int number = static_cast<int>(std::lrint(row[k] / scale));
          to[place(k)] = static_cast<int8_t>(std::clamp(number, -kLargestInt8, kLargestInt8));
          sum += to[place(k)];
        }
        scale_[out] = scale;
        sums_[out] = scale * static_cast<float>(sum);
        break;
      }
    }
  }
}

// oneDNN multiplies by a [k, n] matrix up to 1.3 times as fast as by a transposed one when there
// are few rows (one query), and as fast when there are many. The 16 floats after each row keep rows
// of 2^i x 3 floats from falling into the same cache sets: 72 instead of 51 GFLOP/s for 12 rows and
// 1,536 outputs.
void LinearWeights::PackForOneDnn(const float* weights) {
  const size_t stride = outputs_ + kOneDnnPadding;
  panels_ = ByteBuffer(inputs_ * stride * sizeof(float));
  auto* to = reinterpret_cast<float*>(panels_.data());
  std::fill(to, to + inputs_ * stride, 0.0f);
  // By blocks, so that the columns written stay in the cache.
  constexpr size_t kBlock = 32;
  for (size_t out = 0; out < outputs_; out += kBlock) {
    const size_t out_end = std::min(out + kBlock, outputs_);
    for (size_t in = 0; in < inputs_; ++in) {
      for (size_t o = out; o < out_end; ++o) to[in * stride + o] = weights[o * inputs_ + in];
    }
  }
}

absl::Status LinearWeights::Apply(const float* x, int rows, Epilogue epilogue, float* y,
                                  LinearScratch* scratch) const {
  const size_t count = static_cast<size_t>(rows);
  if (gemm_ == nullptr) {
    const int in = inputs(), out = outputs();
    const absl::Status status = OneDnnMultiply(
        rows, out, in, {x, in},
        {reinterpret_cast<const float*>(panels_.data()), out + static_cast<int>(kOneDnnPadding)},
        epilogue == Epilogue::kAdd, {y, out});
    const Kernels& kernels = *arithmetic_.kernels;
    const auto finish = epilogue == Epilogue::kGelu       ? kernels.bias_gelu
                        : epilogue == Epilogue::kGeluTanh ? kernels.bias_gelu_tanh
                        : epilogue == Epilogue::kRelu     ? kernels.bias_relu
                                                          : kernels.add_bias;
    if (status.ok()) finish(y, count, outputs_, bias_.data());
    return status;
  }
  Product product = {.a = x,
                     .a_stride = inputs_,
                     .a_scale = scratch->scale_.data(),
                     .a_offset = scratch->offset_.data(),
                     .panels = panels_.data(),
                     .b_scale = scale_.data(),
                     .b_sums = sums_.data(),
                     .bias = bias_.data(),
                     .c = y,
                     .c_stride = outputs_,
                     .rows = count,
                     .depth = inputs_,
                     .columns = outputs_,
                     .panel_begin = 0,
                     .panel_end = panels(),
                     .epilogue = epilogue};
  if (gemm_->prepare != nullptr) {
    KITH_CHECK(count <= scratch->rows_ &&
                   count * depth() * gemm_->activation_bytes <= scratch->numbers_.size(),
               "the rows fit the scratch memory they were given");
    gemm_->prepare(x, count, inputs_, scratch->numbers_.data(), depth(), scratch->scale_.data(),
                   scratch->offset_.data());
    product.a = scratch->numbers_.data();
    product.a_stride = depth();
  }
  gemm_->multiply(product);
  return absl::OkStatus();
}

}  // namespace kith::encoder
