// float32 products and attention in 512-bit registers: tiles of 12 x 32. 24 of the 32 registers
// hold sums; the rows' numbers are broadcast from memory by the multiplications themselves.

#include "encoder/kernels/sets.h"

#define KITH_LANES 16
#define KITH_NAMESPACE avx512
#define KITH_TILE_ROWS 12
#define KITH_TILE_VECTORS 2
#define KITH_PANEL_BYTES (64 * 1024)
#include "encoder/kernels/gemm_f32_body.inc"
