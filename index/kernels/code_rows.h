// What the kernels that score rows of codes are given: plain structs and function types, without
// anything inline (see sets.h). Codes are described in index/codes/.

#ifndef KITH_INDEX_KERNELS_CODE_ROWS_H_
#define KITH_INDEX_KERNELS_CODE_ROWS_H_

#include <stddef.h>
#include <stdint.h>

namespace kith::index {

// Coded rows are padded to a multiple of this, so that the kernels have no tail loop.
inline constexpr size_t kRowPadding = 32;

// The greatest magnitude of a weight, for 4-bit codes (0..15) and for 8-bit codes (0..255). AVX2
// multiplies bytes in pairs and saturates their sum at 16 bits: 2 * 15 * 127 leaves room for eight
// such sums, 2 * 255 * 64 just fits. With kMaxDimension they keep every sum within int32.
inline constexpr int kMaxWeight4 = 127;
inline constexpr int kMaxWeight8 = 64;

// Codes for building are 7-bit: 1..127, 64 stands for 0. Pairs stay below half of 16 bits.
inline constexpr int kMaxBuildCode = 63;
inline constexpr int kBuildCodeZero = 64;

// Float sums of f16 and f32 codes are kept in 16 lanes of float32: component i goes to lane i % 16,
// and at the end the upper half of the lanes is added to the lower half until one is left.
inline constexpr size_t kRowLanes = 16;

// No code distance is greater; damaged codes that would give NaN give this.
inline constexpr float kMaxCodeDistance = 3e38f;

// A query as the kernels take it: distance = scale * sum(weight_i * code_i) + bias, and under l2
// + addend_scale * (the float at row + addend_offset). Each operation is rounded by itself.
struct CodeWeights {
  // int4: int8 of the components in the low halves of the row's bytes, [bytes], then of those in
  // the high halves; int8: int8 [bytes]; f16: float [bytes / 2]; f32: float [bytes / 4], a multiple
  // of kRowLanes. Zero where a row has no component. 64-byte aligned.
  const void* weights;
  size_t bytes;  // of a row that hold codes: a multiple of kRowPadding
  float scale;
  float bias;
  size_t addend_offset;  // 0: rows have no addend
  float addend_scale;
};

// distances[i] of the row at base + ids[i] * stride; ids may be null: base + i * stride. At most
// `bytes` of a row and its addend are read; no alignment is required.
using ScoreRows = void (*)(const CodeWeights& query, const void* base, size_t stride,
                           const uint32_t* ids, size_t n, float* distances);

// What stands at the end of a row of build codes.
struct BuildRowTail {
  float scale;   // of its codes
  float addend;  // its part of every distance
  int32_t sum;   // of its codes, 64 taken off each
};

// distances[i] = a.addend + b.addend - a.scale * b.scale * sum((a_j - 64) * (b_j - 64)), b being
// the row at base + ids[i] * stride (base + i * stride when ids is null). A row has `bytes` codes
// (a multiple of kRowPadding), then a BuildRowTail.
using ScoreBuildRows = void (*)(const void* a, size_t bytes, const void* base, size_t stride,
                                const uint32_t* ids, size_t n, float* distances);

}  // namespace kith::index

#endif  // KITH_INDEX_KERNELS_CODE_ROWS_H_
