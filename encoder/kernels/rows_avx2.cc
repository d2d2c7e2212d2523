// 256-bit registers with fused multiply-add. Compiled with -mavx2 -mfma.

#include "encoder/kernels/sets.h"

#define KITH_LANES 8
#define KITH_NAMESPACE avx2
#include "encoder/kernels/rows_body.inc"
