// The parts of each instruction set, for the tables of dispatch.cc. Every namespace is a few files
// compiled with flags of their own: rows_* (row-wise kernels), gemm_f32_* (with attention),
// gemm_bf16_*, gemm_int8_*. They include nothing that holds inline functions of ours or of the
// standard library, since the linker might keep their copy for the whole program.

#ifndef KITH_ENCODER_KERNELS_SETS_H_
#define KITH_ENCODER_KERNELS_SETS_H_

#include "encoder/kernels/kernels.h"

namespace kith::encoder {

#define KITH_ROW_KERNELS                                                                    \
  void AddBias(float* x, size_t rows, size_t cols, const float* bias);                      \
  void BiasGelu(float* x, size_t rows, size_t cols, const float* bias);                     \
  void BiasGeluTanh(float* x, size_t rows, size_t cols, const float* bias);                 \
  void BiasRelu(float* x, size_t rows, size_t cols, const float* bias);                     \
  void Softmax(float* x, size_t rows, size_t cols, size_t stride);                          \
  void LayerNorm(float* x, size_t rows, size_t cols, const float* gamma, const float* beta, \
                 float eps)

namespace scalar {
KITH_ROW_KERNELS;
void Attend(const Attention& attention);
extern const GemmKernels kF32, kBf16, kInt8;
}  // namespace scalar

namespace vector128 {  // any 64-bit x86 or Arm
KITH_ROW_KERNELS;
void Attend(const Attention& attention);
extern const GemmKernels kF32, kBf16, kInt8;
}  // namespace vector128

#if defined(__x86_64__)
namespace avx2 {  // with FMA
KITH_ROW_KERNELS;
void Attend(const Attention& attention);
extern const GemmKernels kF32, kBf16, kInt8;
}  // namespace avx2

namespace avx512 {  // F, BW, DQ, VL
KITH_ROW_KERNELS;
void Attend(const Attention& attention);
extern const GemmKernels kF32, kBf16;
}  // namespace avx512

namespace avx512vnni {
extern const GemmKernels kInt8;
}
namespace avx512bf16 {
extern const GemmKernels kBf16;
}
#endif

#undef KITH_ROW_KERNELS

}  // namespace kith::encoder

#endif  // KITH_ENCODER_KERNELS_SETS_H_
