// 256-bit registers with fused multiply-add. Compiled with -mavx2 -mfma.

#include "encoder/kernels/kernels.h"

#define KITH_LANES 8
#define KITH_NAMESPACE avx2
#include "encoder/kernels/vector_body.inc"

namespace kith::encoder {

const Kernels kAvx2Kernels = {
    .name = "avx2",
    .add_bias = avx2::BiasThen<avx2::Identity>,
    .bias_gelu = avx2::BiasThen<avx2::Gelu>,
    .bias_gelu_tanh = avx2::BiasThen<avx2::GeluTanh>,
    .bias_relu = avx2::BiasThen<avx2::Relu>,
    .softmax = avx2::Softmax,
    .add_layer_norm = avx2::AddLayerNorm,
};

}  // namespace kith::encoder
