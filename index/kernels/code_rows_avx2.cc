// Scoring rows of codes with AVX2 and F16C, four rows at a time: they share the loads of the
// query's weights, and their sums are folded together at the end.

#include <immintrin.h>
#include <string.h>

#include "index/kernels/sets.h"

namespace kith::index::avx2 {
namespace {

using Byte = unsigned char;

constexpr size_t kLine = 64;

// Rows are fetched this many ahead of those that are scored.
constexpr size_t kAhead = 4;

inline __m256i Load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

inline float Float(const Byte* p) {
  float value;
  memcpy(&value, p, sizeof value);
  return value;
}

// The sums of four registers of 32-bit integers.
inline __m128i Fold(__m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i four = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
  return _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
}

inline __m128i Fold(__m256i a) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(1, 0, 3, 2)));
  return _mm_add_epi32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(2, 3, 0, 1)));
}

// Sums 0..7 are in `low`, 8..15 in `high`; kRowLanes of kernels.h says in which order they meet.
inline __m128 FoldFloats(__m256 low, __m256 high) {
  const __m256 eight = _mm256_add_ps(low, high);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_add_ss(four, _mm_shuffle_ps(four, four, _MM_SHUFFLE(1, 1, 1, 1)));
}

// _mm_min_ps gives its second operand for NaN.
inline __m128 Finish(const CodeWeights& query, __m128 sums, __m128 addends) {
  __m128 distances =
      _mm_add_ps(_mm_mul_ps(_mm_set1_ps(query.scale), sums), _mm_set1_ps(query.bias));
  if (query.addend_offset != 0) {
    distances = _mm_add_ps(distances, _mm_mul_ps(_mm_set1_ps(query.addend_scale), addends));
  }
  return _mm_min_ps(distances, _mm_set1_ps(kMaxCodeDistance));
}

// A family of codes: kRows rows from their first byte to their sums.
//
// 4 bits. A byte holds two components; a pair's sum is at most 2 * 15 * 127 = 3810, so that eight
// of them fit 16 bits, and they are widened once in eight blocks of 32 bytes.
struct Int4 {
  template <size_t kRows>
  static void Sum(const CodeWeights& query, const Byte* const* rows, __m256i* sums) {
    constexpr size_t kBlocks = 8 * 32;
    const int8_t* low = static_cast<const int8_t*>(query.weights);
    const int8_t* high = low + query.bytes;
    const __m256i mask = _mm256_set1_epi8(15);
    const __m256i ones = _mm256_set1_epi16(1);
    for (size_t r = 0; r < kRows; ++r) sums[r] = _mm256_setzero_si256();
    for (size_t begin = 0; begin < query.bytes; begin += kBlocks) {
      const size_t end = query.bytes - begin < kBlocks ? query.bytes : begin + kBlocks;
      __m256i low_sums[kRows];
      __m256i high_sums[kRows];
      for (size_t r = 0; r < kRows; ++r) low_sums[r] = high_sums[r] = _mm256_setzero_si256();
      for (size_t i = begin; i < end; i += 32) {
        const __m256i low_weights = Load(low + i);
        const __m256i high_weights = Load(high + i);
        for (size_t r = 0; r < kRows; ++r) {
          const __m256i codes = Load(rows[r] + i);
          const __m256i low_codes = _mm256_and_si256(codes, mask);
          const __m256i high_codes = _mm256_and_si256(_mm256_srli_epi16(codes, 4), mask);
          low_sums[r] = _mm256_add_epi16(low_sums[r], _mm256_maddubs_epi16(low_codes, low_weights));
          high_sums[r] =
              _mm256_add_epi16(high_sums[r], _mm256_maddubs_epi16(high_codes, high_weights));
        }
      }
      for (size_t r = 0; r < kRows; ++r) {
        sums[r] =
            _mm256_add_epi32(sums[r], _mm256_add_epi32(_mm256_madd_epi16(low_sums[r], ones),
                                                       _mm256_madd_epi16(high_sums[r], ones)));
      }
    }
  }
};

// 8 bits. A pair's sum just fits 16 bits and is widened at once.
struct Int8 {
  template <size_t kRows>
  static void Sum(const CodeWeights& query, const Byte* const* rows, __m256i* sums) {
    const int8_t* weights = static_cast<const int8_t*>(query.weights);
    const __m256i ones = _mm256_set1_epi16(1);
    for (size_t r = 0; r < kRows; ++r) sums[r] = _mm256_setzero_si256();
    for (size_t i = 0; i < query.bytes; i += 32) {
      const __m256i w = Load(weights + i);
      for (size_t r = 0; r < kRows; ++r) {
        const __m256i pairs = _mm256_maddubs_epi16(Load(rows[r] + i), w);
        sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(pairs, ones));
      }
    }
  }
};

struct F16 {
  static constexpr size_t kBytes = 2;
  static __m256 Values(const Byte* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
};

struct F32 {
  static constexpr size_t kBytes = 4;
  static __m256 Values(const Byte* p) { return _mm256_loadu_ps(reinterpret_cast<const float*>(p)); }
};

template <typename Codes, size_t kRows>
inline __m128 Sums(const CodeWeights& query, const Byte* const* rows) {
  if constexpr (requires { Codes::kBytes; }) {
    const float* weights = static_cast<const float*>(query.weights);
    __m256 low[kRows];
    __m256 high[kRows];
    for (size_t r = 0; r < kRows; ++r) low[r] = high[r] = _mm256_setzero_ps();
    for (size_t i = 0; i < query.bytes / Codes::kBytes; i += 16) {
      const __m256 low_weights = _mm256_loadu_ps(weights + i);
      const __m256 high_weights = _mm256_loadu_ps(weights + i + 8);
      for (size_t r = 0; r < kRows; ++r) {
        const Byte* codes = rows[r] + i * Codes::kBytes;
        low[r] = _mm256_add_ps(low[r], _mm256_mul_ps(low_weights, Codes::Values(codes)));
        high[r] = _mm256_add_ps(
            high[r], _mm256_mul_ps(high_weights, Codes::Values(codes + 8 * Codes::kBytes)));
      }
    }
    __m128 folded[kRows];
    for (size_t r = 0; r < kRows; ++r) folded[r] = FoldFloats(low[r], high[r]);
    if constexpr (kRows == 1) return folded[0];
    return _mm_movelh_ps(_mm_unpacklo_ps(folded[0], folded[1]),
                         _mm_unpacklo_ps(folded[2], folded[3]));
  } else {
    __m256i sums[kRows];
    Codes::template Sum<kRows>(query, rows, sums);
    if constexpr (kRows == 1) {
      return _mm_cvtepi32_ps(Fold(sums[0]));
    } else {
      return _mm_cvtepi32_ps(Fold(sums[0], sums[1], sums[2], sums[3]));
    }
  }
}

// Walks over the rows of a call, four at a time, fetching those that come. Prefetching an address
// never fails, so that it may reach a little beyond a row.
template <typename Four, typename One>
inline void ForRows(const void* base, size_t stride, size_t row_bytes, const uint32_t* ids,
                    size_t n, const Four& four, const One& one) {
  const Byte* bytes = static_cast<const Byte*>(base);
  size_t i = 0;
  if (ids == nullptr) {  // in order: the processor itself fetches ahead
    for (; i + 4 <= n; i += 4, bytes += 4 * stride) {
      const Byte* rows[4] = {bytes, bytes + stride, bytes + 2 * stride, bytes + 3 * stride};
      four(rows, i);
    }
    for (; i < n; ++i, bytes += stride) one(bytes, i);
    return;
  }
  const auto row = [&](size_t at) { return bytes + ids[at] * stride; };
  const auto fetch = [&](size_t begin, size_t end) {
    for (size_t at = begin; at < end && at < n; ++at) {
      const Byte* p = row(at);
      for (size_t line = 0; line < row_bytes; line += kLine) _mm_prefetch(p + line, _MM_HINT_T0);
    }
  };
  fetch(0, kAhead);
  for (; i + 4 <= n; i += 4) {
    fetch(i + kAhead, i + kAhead + 4);
    const Byte* rows[4] = {row(i), row(i + 1), row(i + 2), row(i + 3)};
    four(rows, i);
  }
  for (; i < n; ++i) one(row(i), i);
}

template <typename Codes>
inline void Score(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
                  size_t n, float* distances) {
  const size_t addend = query.addend_offset;  // 0 loads codes, which Finish ignores
  ForRows(
      base, stride, query.bytes, ids, n,
      [&](const Byte* const(&rows)[4], size_t i) {
        const __m128 addends = _mm_setr_ps(Float(rows[0] + addend), Float(rows[1] + addend),
                                           Float(rows[2] + addend), Float(rows[3] + addend));
        _mm_storeu_ps(distances + i, Finish(query, Sums<Codes, 4>(query, rows), addends));
      },
      [&](const Byte* row, size_t i) {
        const __m128 sum = Sums<Codes, 1>(query, &row);
        _mm_store_ss(distances + i, Finish(query, sum, _mm_set_ss(Float(row + addend))));
      });
}

// Build codes. Both sides are 7-bit, a pair's sum is at most 2 * 127 * 63, and two of them fit 16
// bits.
template <size_t kRows>
inline void SumBuildCodes(const Byte* a, size_t bytes, const Byte* const* rows, __m256i* sums) {
  const __m256i zero_code = _mm256_set1_epi8(kBuildCodeZero);
  const __m256i ones = _mm256_set1_epi16(1);
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
}

inline BuildRowTail Tail(const Byte* p) {
  BuildRowTail tail;
  memcpy(&tail, p, sizeof tail);
  return tail;
}

inline float BuildDistance(const BuildRowTail& a, const BuildRowTail& b, int32_t sum) {
  return (a.addend + b.addend) - (a.scale * b.scale) * static_cast<float>(sum);
}

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
  Score<F16>(query, base, stride, ids, n, distances);
}

void ScoreF32(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
              size_t n, float* distances) {
  Score<F32>(query, base, stride, ids, n, distances);
}

void ScoreBuildCodes(const void* a, size_t bytes, const void* base, size_t stride,
                     const uint32_t* ids, size_t n, float* distances) {
  const Byte* codes = static_cast<const Byte*>(a);
  const BuildRowTail tail = Tail(codes + bytes);
  // The codes of `a` stand 64 too high in the rows' products.
  const int32_t excess = kBuildCodeZero * tail.sum;
  ForRows(
      base, stride, bytes + sizeof tail, ids, n,
      [&](const Byte* const(&rows)[4], size_t i) {
        __m256i sums[4];
        SumBuildCodes<4>(codes, bytes, rows, sums);
        alignas(16) int32_t folded[4];
        _mm_store_si128(reinterpret_cast<__m128i*>(folded),
                        Fold(sums[0], sums[1], sums[2], sums[3]));
        for (size_t r = 0; r < 4; ++r) {
          distances[i + r] = BuildDistance(tail, Tail(rows[r] + bytes), folded[r] - excess);
        }
      },
      [&](const Byte* row, size_t i) {
        __m256i sum;
        SumBuildCodes<1>(codes, bytes, &row, &sum);
        distances[i] =
            BuildDistance(tail, Tail(row + bytes), _mm_cvtsi128_si32(Fold(sum)) - excess);
      });
}

}  // namespace kith::index::avx2
