// Matrix products in float32: the one place that knows who computes them (oneDNN). Everything runs
// on the calling thread alone: the server's own pool works on several chunks at once, which beats
// several threads inside one product.
//
// Thread-safe.

#ifndef KITH_ENCODER_GEMM_H_
#define KITH_ENCODER_GEMM_H_

#include <cstddef>

#include "absl/status/status.h"
#include "encoder/run_state.h"

namespace kith::encoder {

// A row-major matrix somewhere in a larger one: `stride` floats from row to row.
struct ConstMatrix {
  const float* data;
  int stride;
};
struct Matrix {
  float* data;
  int stride;
};

// c [m, n] = scale * a [m, k] bᵀ, b given as [n, k].
absl::Status MultiplyTransposed(int m, int n, int k, float scale, ConstMatrix a, ConstMatrix b,
                                Matrix c);

// c [m, n] = a [m, k] b [k, n].
absl::Status Multiply(int m, int n, int k, ConstMatrix a, ConstMatrix b, Matrix c);

// A linear layer's weights, kept in the layout that multiplies fastest.
class LinearWeights {
 public:
  LinearWeights() = default;
  // `weights` [outputs, inputs], row-major, as PyTorch stores them; copied.
  LinearWeights(const float* weights, int outputs, int inputs);

  // y [rows, outputs] = x [rows, inputs] Wᵀ, both without padding. The bias is left to the row
  // kernel that follows, which reads y anyway.
  absl::Status Apply(const float* x, int rows, float* y) const;

  int inputs() const { return inputs_; }
  int outputs() const { return outputs_; }
  size_t memory_bytes() const { return transposed_.size() * sizeof(float); }

 private:
  int outputs_ = 0, inputs_ = 0, stride_ = 0;
  FloatBuffer transposed_;  // [inputs, outputs], stride_ apart
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_GEMM_H_
