// float32 products and attention in 256-bit registers: tiles of 6 x 16. 12 of the 16 registers hold
// sums, two a panel's columns and one a row's number, so that 12 multiplications wait for 8 loads.

#include "encoder/kernels/sets.h"

#define KITH_LANES 8
#define KITH_NAMESPACE avx2
#define KITH_TILE_ROWS 6
#define KITH_TILE_VECTORS 2
#define KITH_PANEL_BYTES (24 * 1024)
#include "encoder/kernels/gemm_f32_body.inc"
