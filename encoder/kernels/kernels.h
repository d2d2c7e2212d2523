// What a forward pass spends its time in: products, attention, and the row-wise parts between them.
// One table of function pointers for each instruction set; dispatch.h chooses one. Kernel files
// include this header, gemm.h and the .inc files alone, so that no inline function is compiled for
// a processor that may not be there.
//
// All matrices are row-major float32 without padding between the rows unless a stride is named. No
// alignment is required (unaligned loads cost nothing on the processors that have these sets).

#ifndef KITH_ENCODER_KERNELS_KERNELS_H_
#define KITH_ENCODER_KERNELS_KERNELS_H_

#include <stddef.h>

#include "encoder/kernels/gemm.h"

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

  // Every row is normalised: (x - mean) / sqrt(variance + eps) * gamma + beta, in two passes, so
  // that a large mean costs no digits. cols >= 1.
  void (*layer_norm)(float* x, size_t rows, size_t cols, const float* gamma, const float* beta,
                     float eps);

  void (*attend)(const Attention& attention);

  // Linear layers in each precision. `f32` null: they are oneDNN's.
  const GemmKernels* f32;
  const GemmKernels* bf16;
  const GemmKernels* int8;
  // There are instructions for this precision; else it is right, and offered only by force.
  bool native_bf16;
  bool native_int8;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_KERNELS_KERNELS_H_
