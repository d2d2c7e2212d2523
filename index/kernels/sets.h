// The functions of each instruction set, for the table in kernels.cc. Every namespace is one file,
// compiled with flags of its own; these files include nothing that holds inline functions of ours
// or of the standard library, since the linker might keep their AVX copy for the whole program.

#ifndef KITH_INDEX_KERNELS_SETS_H_
#define KITH_INDEX_KERNELS_SETS_H_

#include <stddef.h>
#include <stdint.h>

#include "index/kernels/code_rows.h"

namespace kith::index {

namespace portable {
double DotF32(const float* a, const float* b, size_t n);
double SquaredL2F32(const float* a, const float* b, size_t n);
void DotCodes(const int16_t* query, const int8_t* codes, size_t n, size_t rows, int32_t* products);
void ScoreInt4(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
               size_t n, float* distances);
void ScoreInt8(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
               size_t n, float* distances);
void ScoreF16(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
              size_t n, float* distances);
void ScoreF32(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
              size_t n, float* distances);
void ScoreBuildCodes(const void* a, size_t bytes, const void* base, size_t stride,
                     const uint32_t* ids, size_t n, float* distances);
}  // namespace portable

namespace avx2 {  // with FMA and F16C
double DotF32(const float* a, const float* b, size_t n);
double SquaredL2F32(const float* a, const float* b, size_t n);
void DotCodes(const int16_t* query, const int8_t* codes, size_t n, size_t rows, int32_t* products);
void ScoreInt4(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
               size_t n, float* distances);
void ScoreInt8(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
               size_t n, float* distances);
void ScoreF16(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
              size_t n, float* distances);
void ScoreF32(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
              size_t n, float* distances);
void ScoreBuildCodes(const void* a, size_t bytes, const void* base, size_t stride,
                     const uint32_t* ids, size_t n, float* distances);
}  // namespace avx2

namespace avx512 {  // F, BW, DQ, VL
double DotF32(const float* a, const float* b, size_t n);
double SquaredL2F32(const float* a, const float* b, size_t n);
void DotCodes(const int16_t* query, const int8_t* codes, size_t n, size_t rows, int32_t* products);
void ScoreInt4(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
               size_t n, float* distances);
void ScoreInt8(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
               size_t n, float* distances);
void ScoreF16(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
              size_t n, float* distances);
void ScoreF32(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
              size_t n, float* distances);
void ScoreBuildCodes(const void* a, size_t bytes, const void* base, size_t stride,
                     const uint32_t* ids, size_t n, float* distances);
}  // namespace avx512

namespace avx512vnni {
void DotCodes(const int16_t* query, const int8_t* codes, size_t n, size_t rows, int32_t* products);
void ScoreInt4(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
               size_t n, float* distances);
void ScoreInt8(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
               size_t n, float* distances);
void ScoreBuildCodes(const void* a, size_t bytes, const void* base, size_t stride,
                     const uint32_t* ids, size_t n, float* distances);
}  // namespace avx512vnni

}  // namespace kith::index

#endif  // KITH_INDEX_KERNELS_SETS_H_
