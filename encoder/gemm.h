// Linear layers: y = f(x Wᵀ + b), in float32, bfloat16 or int8, by our own kernels or by oneDNN.
// The one place that knows how weights lie in memory. Everything runs on the calling thread alone:
// the server's own pool works on several chunks at once, which beats several threads inside one
// product.
//
// Thread-safe, but for LinearScratch: one thread at a time.

#ifndef KITH_ENCODER_GEMM_H_
#define KITH_ENCODER_GEMM_H_

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "encoder/arithmetic.h"
#include "encoder/buffer.h"

namespace kith::encoder {

// Activations on their way into a product, in the form its kernels read.
class LinearScratch {
 public:
  // For up to `rows` rows of up to `depth` numbers, in every precision.
  LinearScratch(int rows, int depth);
  size_t memory_bytes() const { return numbers_.bytes() + scale_.bytes() + offset_.bytes(); }

 private:
  friend class LinearWeights;
  size_t rows_;
  ByteBuffer numbers_;
  FloatBuffer scale_, offset_;  // [rows]
};

// A layer's weights, in the layout that its kernels multiply fastest.
class LinearWeights {
 public:
  LinearWeights() = default;
  // `weights` [outputs, inputs], row-major, as PyTorch stores them, and `bias` [outputs]; copied.
  // All are finite.
  LinearWeights(const float* weights, const float* bias, int outputs, int inputs,
                const Arithmetic& arithmetic);

  // y [rows, outputs] = epilogue(x [rows, inputs] Wᵀ + b), both without padding. REQUIRES: rows and
  // inputs within what `scratch` was made for. Fails where oneDNN does: no memory.
  absl::Status Apply(const float* x, int rows, Epilogue epilogue, float* y,
                     LinearScratch* scratch) const;

  int inputs() const { return static_cast<int>(inputs_); }
  int outputs() const { return static_cast<int>(outputs_); }
  size_t memory_bytes() const {
    return panels_.bytes() + sizeof(float) * (bias_.size() + scale_.size() + sums_.size());
  }

 private:
  size_t panels() const { return (outputs_ + gemm_->panel_columns - 1) / gemm_->panel_columns; }
  // The depth with its padding.
  size_t depth() const { return (inputs_ + gemm_->group - 1) / gemm_->group * gemm_->group; }
  void Pack(const float* weights);
  void PackForOneDnn(const float* weights);
  float ScaleOf(const float* row) const;

  Arithmetic arithmetic_;
  const GemmKernels* gemm_ = nullptr;  // null: oneDNN
  size_t outputs_ = 0, inputs_ = 0;
  ByteBuffer panels_;                // as kernels/gemm.h says; oneDNN: [inputs, outputs + padding]
  std::vector<float> bias_;          // these three: [panels * columns]
  std::vector<float> scale_, sums_;  // int8 alone
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_GEMM_H_
