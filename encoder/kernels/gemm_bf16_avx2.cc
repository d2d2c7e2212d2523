// Products with bfloat16 weights by AVX2, for when they are asked for by name. Tiles of 5 x 16:
// with six rows the widened columns leave too few registers for the sums.

#include "encoder/kernels/sets.h"

#define KITH_LANES 8
#define KITH_NAMESPACE avx2
#define KITH_TILE_ROWS 5
#define KITH_TILE_VECTORS 2
#define KITH_PANEL_BYTES (24 * 1024)
#include "encoder/kernels/gemm_bf16_body.inc"
