// AVX-512 with VNNI, which has multiply-add of pairs and addition in one instruction. Float kernels
// are those of avx512.cc.

#include <immintrin.h>

#include "index/kernels/sets.h"

namespace kith::index::avx512vnni {
namespace {

inline __m512i LoadCodes(const int8_t* p) {
  return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

}  // namespace

void DotCodes(const int16_t* query, const int8_t* codes, size_t n, size_t rows, int32_t* products) {
  size_t r = 0;
  // Four rows at a time: vpdpwssd takes 4-5 cycles, and each row is one chain of them.
  for (; r + 4 <= rows; r += 4, codes += 4 * n) {
    __m512i sum0 = _mm512_setzero_si512();
    __m512i sum1 = _mm512_setzero_si512();
    __m512i sum2 = _mm512_setzero_si512();
    __m512i sum3 = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += 32) {
      const __m512i q = _mm512_loadu_si512(query + i);
      sum0 = _mm512_dpwssd_epi32(sum0, q, LoadCodes(codes + i));
      sum1 = _mm512_dpwssd_epi32(sum1, q, LoadCodes(codes + n + i));
      sum2 = _mm512_dpwssd_epi32(sum2, q, LoadCodes(codes + 2 * n + i));
      sum3 = _mm512_dpwssd_epi32(sum3, q, LoadCodes(codes + 3 * n + i));
    }
    products[r] = _mm512_reduce_add_epi32(sum0);
    products[r + 1] = _mm512_reduce_add_epi32(sum1);
    products[r + 2] = _mm512_reduce_add_epi32(sum2);
    products[r + 3] = _mm512_reduce_add_epi32(sum3);
  }
  for (; r < rows; ++r, codes += n) {
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += 32) {
      sum = _mm512_dpwssd_epi32(sum, _mm512_loadu_si512(query + i), LoadCodes(codes + i));
    }
    products[r] = _mm512_reduce_add_epi32(sum);
  }
}

}  // namespace kith::index::avx512vnni
