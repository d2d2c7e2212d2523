// What the x86 files that score rows of codes share: how they walk over rows and what becomes of
// sums. Included by those files alone; everything is in an unnamed namespace, so that each of them
// has a copy of its own, compiled with its own flags (see sets.h).

#ifndef KITH_INDEX_KERNELS_CODE_ROWS_X86_H_
#define KITH_INDEX_KERNELS_CODE_ROWS_X86_H_

#include <immintrin.h>
#include <string.h>

#include "index/kernels/code_rows.h"

namespace kith::index {
namespace {

using Byte = unsigned char;

constexpr size_t kLine = 64;

// Rows are fetched this many ahead of those that are scored. 4 to 24 made no difference.
constexpr size_t kAhead = 4;

inline float Float(const Byte* p) {
  float value;
  memcpy(&value, p, sizeof value);
  return value;
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

// Scores rows by a family of codes: Codes::Sums<1> or <4>(query, rows) gives their sums as floats.
template <typename Codes>
inline void Score(const CodeWeights& query, const void* base, size_t stride, const uint32_t* ids,
                  size_t n, float* distances) {
  const size_t addend = query.addend_offset;  // 0 loads codes, which Finish ignores
  ForRows(
      base, stride, query.bytes, ids, n,
      [&](const Byte* const(&rows)[4], size_t i) {
        const __m128 addends = _mm_setr_ps(Float(rows[0] + addend), Float(rows[1] + addend),
                                           Float(rows[2] + addend), Float(rows[3] + addend));
        const __m128 sums = Codes::template Sums<4>(query, rows);
        _mm_storeu_ps(distances + i, Finish(query, sums, addends));
      },
      [&](const Byte* row, size_t i) {
        const __m128 sum = Codes::template Sums<1>(query, &row);
        _mm_store_ss(distances + i, Finish(query, sum, _mm_set_ss(Float(row + addend))));
      });
}

inline BuildRowTail Tail(const Byte* p) {
  BuildRowTail tail;
  memcpy(&tail, p, sizeof tail);
  return tail;
}

inline float BuildDistance(const BuildRowTail& a, const BuildRowTail& b, int32_t sum) {
  return (a.addend + b.addend) - (a.scale * b.scale) * static_cast<float>(sum);
}

// Codes::Sums<1> or <4>(a, bytes, rows) gives the sums of (a_i - 64) * row_i as integers.
template <typename Codes>
inline void ScoreBuild(const void* a, size_t bytes, const void* base, size_t stride,
                       const uint32_t* ids, size_t n, float* distances) {
  const Byte* codes = static_cast<const Byte*>(a);
  const BuildRowTail tail = Tail(codes + bytes);
  const int32_t excess = kBuildCodeZero * tail.sum;  // rows' codes stand 64 too high
  ForRows(
      base, stride, bytes + sizeof tail, ids, n,
      [&](const Byte* const(&rows)[4], size_t i) {
        alignas(16) int32_t sums[4];
        _mm_store_si128(reinterpret_cast<__m128i*>(sums),
                        Codes::template Sums<4>(codes, bytes, rows));
        for (size_t r = 0; r < 4; ++r) {
          distances[i + r] = BuildDistance(tail, Tail(rows[r] + bytes), sums[r] - excess);
        }
      },
      [&](const Byte* row, size_t i) {
        const int32_t sum = _mm_cvtsi128_si32(Codes::template Sums<1>(codes, bytes, &row));
        distances[i] = BuildDistance(tail, Tail(row + bytes), sum - excess);
      });
}

}  // namespace
}  // namespace kith::index

#endif  // KITH_INDEX_KERNELS_CODE_ROWS_X86_H_
