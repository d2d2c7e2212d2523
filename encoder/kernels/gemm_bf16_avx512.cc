// Products with bfloat16 weights by AVX-512 without its BF16 instructions.

#include "encoder/kernels/sets.h"

#define KITH_LANES 16
#define KITH_NAMESPACE avx512
#define KITH_TILE_ROWS 12
#define KITH_TILE_VECTORS 2
#define KITH_PANEL_BYTES (64 * 1024)
#include "encoder/kernels/gemm_bf16_body.inc"
