// 128-bit registers: what every x86-64 and 64-bit Arm processor has.

#include "encoder/kernels/kernels.h"

#define KITH_LANES 4
#define KITH_NAMESPACE vector128
#include "encoder/kernels/vector_body.inc"

namespace kith::encoder {

const Kernels kVector128Kernels = {
    .name = "vector128",
    .add_bias = vector128::BiasThen<vector128::Identity>,
    .bias_gelu = vector128::BiasThen<vector128::Gelu>,
    .bias_gelu_tanh = vector128::BiasThen<vector128::GeluTanh>,
    .bias_relu = vector128::BiasThen<vector128::Relu>,
    .softmax = vector128::Softmax,
    .add_layer_norm = vector128::AddLayerNorm,
};

}  // namespace kith::encoder
