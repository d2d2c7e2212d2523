// The functions of each instruction set, for the table in kernels.cc. Every namespace is one file,
// compiled with flags of its own; these files include nothing that holds inline functions of ours
// or of the standard library, since the linker might keep their AVX copy for the whole program.

#ifndef KITH_INDEX_KERNELS_SETS_H_
#define KITH_INDEX_KERNELS_SETS_H_

#include <stddef.h>
#include <stdint.h>

namespace kith::index {

namespace portable {
double DotF32(const float* a, const float* b, size_t n);
double SquaredL2F32(const float* a, const float* b, size_t n);
void DotCodes(const int16_t* query, const int8_t* codes, size_t n, size_t rows, int32_t* products);
}  // namespace portable

namespace avx2 {  // and FMA
double DotF32(const float* a, const float* b, size_t n);
double SquaredL2F32(const float* a, const float* b, size_t n);
void DotCodes(const int16_t* query, const int8_t* codes, size_t n, size_t rows, int32_t* products);
}  // namespace avx2

namespace avx512 {  // F, BW, DQ, VL
double DotF32(const float* a, const float* b, size_t n);
double SquaredL2F32(const float* a, const float* b, size_t n);
void DotCodes(const int16_t* query, const int8_t* codes, size_t n, size_t rows, int32_t* products);
}  // namespace avx512

namespace avx512vnni {
void DotCodes(const int16_t* query, const int8_t* codes, size_t n, size_t rows, int32_t* products);
}  // namespace avx512vnni

}  // namespace kith::index

#endif  // KITH_INDEX_KERNELS_SETS_H_
