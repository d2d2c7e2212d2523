// Where things are in a coded row. Internal to index/codes/; see kernels/code_rows.h for what the
// kernels expect.
//
//   cosine, dot:  | codes, zeros up to a multiple of 32 bytes |
//   l2:           | codes | squared norm, float32 | zeros up to a multiple of 32 bytes |
//
// int4 puts 64 components into 32 bytes: the first 32 in the low halves of the bytes, the others in
// the high halves, so that both sides of a product are packed from runs of components. Under l2 the
// norm stands inside the bytes that kernels multiply, where these end late enough: weights are zero
// there. Not so for floats, since no weight makes up for a NaN; their codes are padded before it.

#ifndef KITH_INDEX_CODES_CODE_LAYOUT_H_
#define KITH_INDEX_CODES_CODE_LAYOUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "index/codes/code_kind.h"
#include "index/kernels/code_rows.h"
#include "index/metric.h"

namespace kith::index {

// Components are counted in the typical norm of a row, and kept within this: so no product of two
// of them, nor a sum of products, leaves float32. A row so far out is near nothing.
inline constexpr float kMaxUnits = 1e15f;

// The typical norm itself: of vectors whose components are the least and the greatest of float32.
inline constexpr double kLeastUnit = 1e-46;
inline constexpr double kGreatestUnit = 1e19;

// Levels that are nearer to each other than this are one.
inline constexpr float kLeastStep = 1e-30f;

constexpr size_t PaddedTo(size_t n, size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

inline constexpr size_t kInt4Half = 32;  // components in the halves of as many bytes
inline constexpr size_t kInt4Run = 2 * kInt4Half;

struct CodeLayout {
  size_t code_bytes;     // that the kernels multiply
  size_t addend_offset;  // of the squared norm; 0: there is none
  size_t row_bytes;
};

constexpr CodeLayout LayoutOf(CodeKind kind, Metric metric, uint32_t dimension) {
  size_t used = 0;    // by components
  size_t padded = 0;  // so that kernels have no tail
  switch (kind) {
    case CodeKind::kInt4:
      used = dimension / kInt4Run * kInt4Half + std::min(dimension % kInt4Run, kInt4Half);
      padded = PaddedTo(used, kRowPadding);
      break;
    case CodeKind::kInt8:
      used = dimension;
      padded = PaddedTo(used, kRowPadding);
      break;
    case CodeKind::kF16:
      used = padded = PaddedTo(dimension, kRowLanes) * 2;
      break;
    case CodeKind::kF32:
      used = padded = PaddedTo(dimension, kRowLanes) * 4;
      break;
  }
  if (metric != Metric::kL2) return {padded, 0, padded};
  const size_t addend = PaddedTo(used, sizeof(float));
  return {padded, addend, PaddedTo(addend + sizeof(float), kRowPadding)};
}

}  // namespace kith::index

#endif  // KITH_INDEX_CODES_CODE_LAYOUT_H_
