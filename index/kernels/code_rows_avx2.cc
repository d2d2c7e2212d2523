// Scoring rows of codes with AVX2 and F16C, four rows at a time: they share the loads of the
// query's weights, and their sums are folded together at the end.

#include <immintrin.h>

#include "index/kernels/code_rows_x86.h"
#include "index/kernels/sets.h"

namespace kith::index::avx2 {
namespace {

inline __m256i Load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

// The sums of one or four registers of 32-bit integers.
template <size_t kRows>
inline __m128i Fold(const __m256i* sums) {
  if constexpr (kRows == 4) {
    const __m256i four =
        _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
    return _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
  } else {
    __m128i four =
        _mm_add_epi32(_mm256_castsi256_si128(sums[0]), _mm256_extracti128_si256(sums[0], 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(1, 0, 3, 2)));
    return _mm_add_epi32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(2, 3, 0, 1)));
  }
}

// Lanes 0..7 are in `low`, 8..15 in `high`; kRowLanes of code_rows.h says in which order they meet.
inline __m128 FoldFloats(__m256 low, __m256 high) {
  const __m256 eight = _mm256_add_ps(low, high);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_add_ss(four, _mm_shuffle_ps(four, four, _MM_SHUFFLE(1, 1, 1, 1)));
}

// 4 bits. A byte holds two components; a pair's sum is at most 2 * 15 * 127 = 3810, so that eight
// of them fit 16 bits, which are widened once in four blocks of 32 bytes. One sum a row rather than
// one for each half keeps four rows in registers: 8.2 -> 6.5 ns a row of 384 components.
struct Int4 {
  template <size_t kRows>
  static __m128 Sums(const CodeWeights& query, const Byte* const* rows) {
    constexpr size_t kBlocks = 4 * 32;
    const int8_t* low = static_cast<const int8_t*>(query.weights);
    const int8_t* high = low + query.bytes;
    const __m256i mask = _mm256_set1_epi8(15);
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sums[kRows];
    for (size_t r = 0; r < kRows; ++r) sums[r] = _mm256_setzero_si256();
    for (size_t begin = 0; begin < query.bytes; begin += kBlocks) {
      const size_t end = query.bytes - begin < kBlocks ? query.bytes : begin + kBlocks;
      __m256i pairs[kRows];
      for (size_t r = 0; r < kRows; ++r) pairs[r] = _mm256_setzero_si256();
      for (size_t i = begin; i < end; i += 32) {
        const __m256i low_weights = Load(low + i);
        const __m256i high_weights = Load(high + i);
        for (size_t r = 0; r < kRows; ++r) {
          const __m256i codes = Load(rows[r] + i);
          const __m256i low_codes = _mm256_and_si256(codes, mask);
          const __m256i high_codes = _mm256_and_si256(_mm256_srli_epi16(codes, 4), mask);
          const __m256i products = _mm256_add_epi16(_mm256_maddubs_epi16(low_codes, low_weights),
                                                    _mm256_maddubs_epi16(high_codes, high_weights));
          pairs[r] = _mm256_add_epi16(pairs[r], products);
        }
      }
      for (size_t r = 0; r < kRows; ++r) {
        sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(pairs[r], ones));
      }
    }
    return _mm_cvtepi32_ps(Fold<kRows>(sums));
  }
};

// 8 bits. A pair's sum just fits 16 bits and is widened at once.
struct Int8 {
  template <size_t kRows>
  static __m128 Sums(const CodeWeights& query, const Byte* const* rows) {
    const int8_t* weights = static_cast<const int8_t*>(query.weights);
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sums[kRows];
    for (size_t r = 0; r < kRows; ++r) sums[r] = _mm256_setzero_si256();
    for (size_t i = 0; i < query.bytes; i += 32) {
      const __m256i block = Load(weights + i);
      for (size_t r = 0; r < kRows; ++r) {
        const __m256i pairs = _mm256_maddubs_epi16(Load(rows[r] + i), block);
        sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(pairs, ones));
      }
    }
    return _mm_cvtepi32_ps(Fold<kRows>(sums));
  }
};

struct Half {
  static constexpr size_t kBytes = 2;
  static __m256 Values(const Byte* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
};

struct Single {
  static constexpr size_t kBytes = 4;
  static __m256 Values(const Byte* p) { return _mm256_loadu_ps(reinterpret_cast<const float*>(p)); }
};

template <typename Value>
struct Floats {
  template <size_t kRows>
  static __m128 Sums(const CodeWeights& query, const Byte* const* rows) {
    const float* weights = static_cast<const float*>(query.weights);
    __m256 low[kRows];
    __m256 high[kRows];
    for (size_t r = 0; r < kRows; ++r) low[r] = high[r] = _mm256_setzero_ps();
    for (size_t i = 0; i < query.bytes / Value::kBytes; i += 16) {
      const __m256 low_weights = _mm256_loadu_ps(weights + i);
      const __m256 high_weights = _mm256_loadu_ps(weights + i + 8);
      for (size_t r = 0; r < kRows; ++r) {
        const Byte* codes = rows[r] + i * Value::kBytes;
        low[r] = _mm256_add_ps(low[r], _mm256_mul_ps(low_weights, Value::Values(codes)));
        high[r] = _mm256_add_ps(
            high[r], _mm256_mul_ps(high_weights, Value::Values(codes + 8 * Value::kBytes)));
      }
    }
    __m128 sums[kRows];
    for (size_t r = 0; r < kRows; ++r) sums[r] = FoldFloats(low[r], high[r]);
    if constexpr (kRows == 1) {
      return sums[0];
    } else {
      return _mm_movelh_ps(_mm_unpacklo_ps(sums[0], sums[1]), _mm_unpacklo_ps(sums[2], sums[3]));
    }
  }
};

// Build codes. Both sides are 7-bit, a pair's sum is at most 2 * 127 * 63, and two of them fit 16
// bits.
struct Build {
  template <size_t kRows>
  static __m128i Sums(const Byte* a, size_t bytes, const Byte* const* rows) {
    const __m256i zero_code = _mm256_set1_epi8(kBuildCodeZero);
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sums[kRows];
    for (size_t r = 0; r < kRows; ++r) sums[r] = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 64 <= bytes; i += 64) {
      const __m256i a0 = _mm256_sub_epi8(Load(a + i), zero_code);
      const __m256i a1 = _mm256_sub_epi8(Load(a + i + 32), zero_code);
      for (size_t r = 0; r < kRows; ++r) {
        const __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(Load(rows[r] + i), a0),
                                               _mm256_maddubs_epi16(Load(rows[r] + i + 32), a1));
        sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(pairs, ones));
      }
    }
    if (i < bytes) {
      const __m256i a0 = _mm256_sub_epi8(Load(a + i), zero_code);
      for (size_t r = 0; r < kRows; ++r) {
        const __m256i pairs = _mm256_maddubs_epi16(Load(rows[r] + i), a0);
        sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(pairs, ones));
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

}  // namespace kith::index::avx2
