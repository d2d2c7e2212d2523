// The row-wise parts of a transformer: what is left beside the matrix products. One table of
// function pointers for each instruction set; dispatch.h chooses one. Kernel files include this
// header and no other, so that no inline function is compiled for a processor that may not be
// there.
//
// All matrices are row-major float32 without padding between the rows unless a stride is named. No
// alignment is required (unaligned loads cost nothing on the processors that have these sets).

#ifndef KITH_ENCODER_KERNELS_KERNELS_H_
#define KITH_ENCODER_KERNELS_KERNELS_H_

#include <cstddef>

namespace kith::encoder {

// rows x cols is the shape of x.
struct Kernels {
  const char* name;

  // x += bias [cols], every row.
  void (*add_bias)(float* x, size_t rows, size_t cols, const float* bias);

  // x = f(x + bias), f one of:
  //   gelu       x Phi(x), Phi the normal distribution's function; error <= 1e-6 times max(1, |x|)
  //   gelu_tanh  0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); the same error
  //   relu       max(x, 0)
  void (*bias_gelu)(float* x, size_t rows, size_t cols, const float* bias);
  void (*bias_gelu_tanh)(float* x, size_t rows, size_t cols, const float* bias);
  void (*bias_relu)(float* x, size_t rows, size_t cols, const float* bias);

  // Every row becomes its softmax: exp(x - max) / sum. `stride` floats from row to row, >= cols
  // >= 1.
  void (*softmax)(float* x, size_t rows, size_t cols, size_t stride);

  // One row, the residual and the normalisation after it: with s = x + add + bias,
  //   x = (s - mean(s)) / sqrt(variance(s) + eps) * gamma + beta
  // in two passes over s, so that a large mean costs no digits. cols >= 1.
  void (*add_layer_norm)(float* x, size_t cols, const float* add, const float* bias,
                         const float* gamma, const float* beta, float eps);
};

// One each per file of this folder.
extern const Kernels kScalarKernels;
extern const Kernels kVector128Kernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
#endif

}  // namespace kith::encoder

#endif  // KITH_ENCODER_KERNELS_KERNELS_H_
