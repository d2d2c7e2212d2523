// Scoring rows of codes with AVX-512 F and BW, four rows at a time. Rows are multiples of 32 bytes:
// where the last 32 stand alone, the upper half of a register stays zero.

#include <immintrin.h>

#include "index/kernels/code_rows_x86.h"
#include "index/kernels/sets.h"

namespace kith::index::avx512 {
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

// Upper half onto lower half, as kRowLanes of code_rows.h says.
inline __m128 FoldFloats(__m512 sums) {
  const __m256 upper = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(sums), 1));
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(sums), upper);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_add_ss(four, _mm_shuffle_ps(four, four, _MM_SHUFFLE(1, 1, 1, 1)));
}

// As in code_rows_avx2.cc: eight pairs' sums fit 16 bits.
struct Int4 {
  template <size_t kRows>
  static __m128 Sums(const CodeWeights& query, const Byte* const* rows) {
    constexpr size_t kBlocks = 4 * 64;
    const int8_t* low = static_cast<const int8_t*>(query.weights);
    const int8_t* high = low + query.bytes;
    const __m512i mask = _mm512_set1_epi8(15);
    const __m512i ones = _mm512_set1_epi16(1);
    __m512i sums[kRows];
    for (size_t r = 0; r < kRows; ++r) sums[r] = _mm512_setzero_si512();
    for (size_t begin = 0; begin < query.bytes; begin += kBlocks) {
      const size_t end = query.bytes - begin < kBlocks ? query.bytes : begin + kBlocks;
      __m512i pairs[kRows];
      for (size_t r = 0; r < kRows; ++r) pairs[r] = _mm512_setzero_si512();
      for (size_t i = begin; i < end; i += 64) {
        const __m512i low_weights = Load(low, i, query.bytes);
        const __m512i high_weights = Load(high, i, query.bytes);
        for (size_t r = 0; r < kRows; ++r) {
          const __m512i codes = Load(rows[r], i, query.bytes);
          const __m512i low_codes = _mm512_and_si512(codes, mask);
          const __m512i high_codes = _mm512_and_si512(_mm512_srli_epi16(codes, 4), mask);
          const __m512i products = _mm512_add_epi16(_mm512_maddubs_epi16(low_codes, low_weights),
                                                    _mm512_maddubs_epi16(high_codes, high_weights));
          pairs[r] = _mm512_add_epi16(pairs[r], products);
        }
      }
      for (size_t r = 0; r < kRows; ++r) {
        sums[r] = _mm512_add_epi32(sums[r], _mm512_madd_epi16(pairs[r], ones));
      }
    }
    return _mm_cvtepi32_ps(Fold<kRows>(sums));
  }
};

struct Int8 {
  template <size_t kRows>
  static __m128 Sums(const CodeWeights& query, const Byte* const* rows) {
    const __m512i ones = _mm512_set1_epi16(1);
    __m512i sums[kRows];
    for (size_t r = 0; r < kRows; ++r) sums[r] = _mm512_setzero_si512();
    for (size_t i = 0; i < query.bytes; i += 64) {
      const __m512i block = Load(query.weights, i, query.bytes);
      for (size_t r = 0; r < kRows; ++r) {
        const __m512i pairs = _mm512_maddubs_epi16(Load(rows[r], i, query.bytes), block);
        sums[r] = _mm512_add_epi32(sums[r], _mm512_madd_epi16(pairs, ones));
      }
    }
    return _mm_cvtepi32_ps(Fold<kRows>(sums));
  }
};

struct Half {
  static constexpr size_t kBytes = 2;
  static __m512 Values(const Byte* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
};

struct Single {
  static constexpr size_t kBytes = 4;
  static __m512 Values(const Byte* p) { return _mm512_loadu_ps(p); }
};

template <typename Value>
struct Floats {
  template <size_t kRows>
  static __m128 Sums(const CodeWeights& query, const Byte* const* rows) {
    const float* weights = static_cast<const float*>(query.weights);
    __m512 lanes[kRows];
    for (size_t r = 0; r < kRows; ++r) lanes[r] = _mm512_setzero_ps();
    for (size_t i = 0; i < query.bytes / Value::kBytes; i += 16) {
      const __m512 block = _mm512_loadu_ps(weights + i);
      for (size_t r = 0; r < kRows; ++r) {
        const __m512 values = Value::Values(rows[r] + i * Value::kBytes);
        lanes[r] = _mm512_add_ps(lanes[r], _mm512_mul_ps(block, values));
      }
    }
    __m128 sums[kRows];
    for (size_t r = 0; r < kRows; ++r) sums[r] = FoldFloats(lanes[r]);
    if constexpr (kRows == 1) {
      return sums[0];
    } else {
      return _mm_movelh_ps(_mm_unpacklo_ps(sums[0], sums[1]), _mm_unpacklo_ps(sums[2], sums[3]));
    }
  }
};

// A pair's sum is at most 2 * 127 * 63.
struct Build {
  template <size_t kRows>
  static __m128i Sums(const Byte* a, size_t bytes, const Byte* const* rows) {
    const __m512i zero_code = _mm512_set1_epi8(kBuildCodeZero);
    const __m512i ones = _mm512_set1_epi16(1);
    __m512i sums[kRows];
    for (size_t r = 0; r < kRows; ++r) sums[r] = _mm512_setzero_si512();
    for (size_t i = 0; i < bytes; i += 64) {
      // Beyond the row, codes of zero make the rest harmless.
      const __m512i block = _mm512_sub_epi8(Load(a, i, bytes), zero_code);
      for (size_t r = 0; r < kRows; ++r) {
        const __m512i pairs = _mm512_maddubs_epi16(Load(rows[r], i, bytes), block);
        sums[r] = _mm512_add_epi32(sums[r], _mm512_madd_epi16(pairs, ones));
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

void ScoreF16(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
              size_t n, float* distances) {
  Score<Floats<Half>>(query, base, stride, ids, n, distances);
}

void ScoreF32(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
              size_t n, float* distances) {
  Score<Floats<Single>>(query, base, stride, ids, n, distances);
}

void ScoreBuildCodes(const void* a, size_t bytes, const void* base, size_t stride,
                     const uint32_t* ids, size_t n, float* distances) {
  ScoreBuild<Build>(a, bytes, base, stride, ids, n, distances);
}

}  // namespace kith::index::avx512
