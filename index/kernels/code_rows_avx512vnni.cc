// Scoring rows of codes with AVX-512 VNNI: vpdpbusd multiplies unsigned codes with signed weights
// and adds four products to a 32-bit lane at once, without a 16-bit sum that could overflow. It
// takes 4 to 5 cycles, which the sums of four rows hide. f16 and f32 are those of
// code_rows_avx512.cc.

#include <immintrin.h>

#include "index/kernels/code_rows_x86.h"
#include "index/kernels/sets.h"

namespace kith::index::avx512vnni {
namespace {

// Bytes i..i+63 of `bytes`, as far as there are any.
inline __m512i Load(const void* p, size_t i, size_t bytes) {
  const void* at = static_cast<const Byte*>(p) + i;
  if (bytes - i >= 64) return _mm512_loadu_si512(at);
  return _mm512_zextsi256_si512(_mm256_loadu_si256(static_cast<const __m256i*>(at)));
}

// The sums of one or four registers of 32-bit integers.
template <size_t kRows>
inline __m128i Fold(const __m512i* sums) {
  __m256i half[kRows];
  for (size_t r = 0; r < kRows; ++r) {
    half[r] =
        _mm256_add_epi32(_mm512_castsi512_si256(sums[r]), _mm512_extracti64x4_epi64(sums[r], 1));
  }
  if constexpr (kRows == 4) {
    const __m256i four =
        _mm256_hadd_epi32(_mm256_hadd_epi32(half[0], half[1]), _mm256_hadd_epi32(half[2], half[3]));
    return _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
  } else {
    __m128i four =
        _mm_add_epi32(_mm256_castsi256_si128(half[0]), _mm256_extracti128_si256(half[0], 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(1, 0, 3, 2)));
    return _mm_add_epi32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(2, 3, 0, 1)));
  }
}

struct Int4 {
  template <size_t kRows>
  static __m128 Sums(const CodeWeights& query, const Byte* const* rows) {
    const int8_t* low = static_cast<const int8_t*>(query.weights);
    const int8_t* high = low + query.bytes;
    const __m512i mask = _mm512_set1_epi8(15);
    __m512i low_sums[kRows];
    __m512i high_sums[kRows];
    for (size_t r = 0; r < kRows; ++r) low_sums[r] = high_sums[r] = _mm512_setzero_si512();
    for (size_t i = 0; i < query.bytes; i += 64) {
      const __m512i low_weights = Load(low, i, query.bytes);
      const __m512i high_weights = Load(high, i, query.bytes);
      for (size_t r = 0; r < kRows; ++r) {
        const __m512i codes = Load(rows[r], i, query.bytes);
        const __m512i low_codes = _mm512_and_si512(codes, mask);
        const __m512i high_codes = _mm512_and_si512(_mm512_srli_epi16(codes, 4), mask);
        low_sums[r] = _mm512_dpbusd_epi32(low_sums[r], low_codes, low_weights);
        high_sums[r] = _mm512_dpbusd_epi32(high_sums[r], high_codes, high_weights);
      }
    }
    for (size_t r = 0; r < kRows; ++r) low_sums[r] = _mm512_add_epi32(low_sums[r], high_sums[r]);
    return _mm_cvtepi32_ps(Fold<kRows>(low_sums));
  }
};

struct Int8 {
  template <size_t kRows>
  static __m128 Sums(const CodeWeights& query, const Byte* const* rows) {
    __m512i sums[kRows];
    for (size_t r = 0; r < kRows; ++r) sums[r] = _mm512_setzero_si512();
    for (size_t i = 0; i < query.bytes; i += 64) {
      const __m512i block = Load(query.weights, i, query.bytes);
      for (size_t r = 0; r < kRows; ++r) {
        sums[r] = _mm512_dpbusd_epi32(sums[r], Load(rows[r], i, query.bytes), block);
      }
    }
    return _mm_cvtepi32_ps(Fold<kRows>(sums));
  }
};

struct Build {
  template <size_t kRows>
  static __m128i Sums(const Byte* a, size_t bytes, const Byte* const* rows) {
    const __m512i zero_code = _mm512_set1_epi8(kBuildCodeZero);
    __m512i sums[kRows];
    for (size_t r = 0; r < kRows; ++r) sums[r] = _mm512_setzero_si512();
    for (size_t i = 0; i < bytes; i += 64) {
      // Beyond the row, codes of zero make the rest harmless.
      const __m512i block = _mm512_sub_epi8(Load(a, i, bytes), zero_code);
      for (size_t r = 0; r < kRows; ++r) {
        sums[r] = _mm512_dpbusd_epi32(sums[r], Load(rows[r], i, bytes), block);
      }
    }
    return Fold<kRows>(sums);
  }
};

}  // namespace

void ScoreInt4(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
               size_t n, float* distances) {
  Score<Int4>(query, base, stride, ids, n, distances);
}

void ScoreInt8(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
               size_t n, float* distances) {
  Score<Int8>(query, base, stride, ids, n, distances);
}

void ScoreBuildCodes(const void* a, size_t bytes, const void* base, size_t stride,
                     const uint32_t* ids, size_t n, float* distances) {
  ScoreBuild<Build>(a, bytes, base, stride, ids, n, distances);
}

}  // namespace kith::index::avx512vnni
