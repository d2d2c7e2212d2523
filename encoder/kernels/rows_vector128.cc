// 128-bit registers: what every x86-64 and 64-bit Arm processor has.

#include "encoder/kernels/sets.h"

#define KITH_LANES 4
#define KITH_NAMESPACE vector128
#include "encoder/kernels/rows_body.inc"
