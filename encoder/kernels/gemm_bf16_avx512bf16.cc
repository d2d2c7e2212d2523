// bfloat16 products by AVX-512 BF16: vdpbf16ps adds two products of bfloat16 to each float32 sum.
// Activations are rounded to bfloat16 (to the nearest, ties to even) before.

#include <immintrin.h>

#include "encoder/kernels/sets.h"

#define KITH_LANES 16
#define KITH_NAMESPACE avx512bf16
#define KITH_TILE_ROWS 12
#define KITH_TILE_VECTORS 2
#define KITH_PANEL_BYTES (64 * 1024)
#include "encoder/kernels/vector_math.inc"

namespace kith::encoder::avx512bf16 {
namespace {

struct Format {
  using Activation = unsigned short;
  using Weight = unsigned short;
  using Accumulators = Floats;
  static constexpr size_t kGroup = 2;
  static constexpr bool kQuantised = false;

  static Floats ToFloats(Floats sums) { return sums; }

  static inline Floats Add(Floats sums, Ints a, Ints b) {
    return (Floats)_mm512_dpbf16_ps((__m512)sums, (__m512bh)a, (__m512bh)b);
  }

  template <size_t kRows>
  static inline void Accumulate(const unsigned short* a, size_t a_stride, const unsigned short* b,
                                size_t depth, Floats (&sums)[kRows][KITH_TILE_VECTORS]) {
    for (size_t k = 0; k < depth; k += 2, b += 2 * KITH_TILE_VECTORS * kLanes) {
      Ints columns[KITH_TILE_VECTORS];
      KITH_UNROLL for (size_t v = 0; v < KITH_TILE_VECTORS; ++v) {
        columns[v] = (Ints)_mm512_loadu_si512(b + 2 * v * kLanes);
      }
      KITH_UNROLL for (size_t r = 0; r < kRows; ++r) {
        int pair;
        __builtin_memcpy(&pair, a + r * a_stride + k, sizeof(pair));
        const Ints row = Ints{} + pair;
        KITH_UNROLL for (size_t v = 0; v < KITH_TILE_VECTORS; ++v) {
          sums[r][v] = Add(sums[r][v], row, columns[v]);
        }
      }
    }
  }
};

void Round(const float* x, size_t rows, size_t depth, void* out, size_t to_stride, float*, float*) {
  auto* to = static_cast<unsigned short*>(out);
  const size_t whole = depth - depth % kLanes, rest = depth % kLanes;
  for (size_t r = 0; r < rows; ++r, x += depth, to += to_stride) {
    for (size_t k = 0; k < whole; k += kLanes) {
      const __m256bh rounded = _mm512_cvtneps_pbh((__m512)Load(x + k));
      __builtin_memcpy(to + k, &rounded, sizeof(rounded));
    }
    const __m256bh rounded = _mm512_cvtneps_pbh((__m512)LoadPart(x + whole, rest, 0));
    __builtin_memcpy(to + whole, &rounded, rest * sizeof(*to));
    for (size_t k = depth; k < to_stride; ++k) to[k] = 0;
  }
}

}  // namespace
}  // namespace kith::encoder::avx512bf16

#include "encoder/kernels/gemm_body.inc"

namespace kith::encoder::avx512bf16 {

const GemmKernels kBf16 = {
    .panel_columns = kColumns,
    .group = Format::kGroup,
    .weight_bytes = sizeof(Format::Weight),
    .activation_bytes = sizeof(Format::Activation),
    .prepare = Round,
    .multiply = Multiply,
};

}  // namespace kith::encoder::avx512bf16
