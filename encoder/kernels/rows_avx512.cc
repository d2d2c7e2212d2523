// 512-bit registers. Compiled with -mavx512f and its usual companions.

#include "encoder/kernels/sets.h"

#define KITH_LANES 16
#define KITH_NAMESPACE avx512
#include "encoder/kernels/rows_body.inc"
