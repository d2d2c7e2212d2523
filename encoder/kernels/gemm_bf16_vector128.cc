// Products with bfloat16 weights in 128-bit registers.

#include "encoder/kernels/sets.h"

#define KITH_LANES 4
#define KITH_NAMESPACE vector128
#define KITH_TILE_ROWS 4
#define KITH_TILE_VECTORS 2
#define KITH_PANEL_BYTES (24 * 1024)
#include "encoder/kernels/gemm_bf16_body.inc"
