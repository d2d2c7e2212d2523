// int8 products in 128-bit registers without any instruction of their own: right everywhere, fast
// nowhere.

#include "encoder/kernels/sets.h"

#define KITH_LANES 4
#define KITH_NAMESPACE vector128
#define KITH_TILE_ROWS 4
#define KITH_TILE_VECTORS 2
#define KITH_PANEL_BYTES (24 * 1024)
#include "encoder/kernels/vector_math.inc"

namespace kith::encoder::vector128 {
namespace {

struct Format {
  using Activation = unsigned char;
  using Weight = signed char;
  using Accumulators = Ints;
  static constexpr size_t kGroup = 1;
  static constexpr bool kQuantised = true;

  static Floats ToFloats(Ints sums) { return __builtin_convertvector(sums, Floats); }

  template <size_t kRows>
  static inline void Accumulate(const unsigned char* a, size_t a_stride, const signed char* b,
                                size_t depth, Ints (&sums)[kRows][KITH_TILE_VECTORS]) {
    for (size_t k = 0; k < depth; ++k, b += KITH_TILE_VECTORS * kLanes) {
      Ints columns[KITH_TILE_VECTORS];
      KITH_UNROLL for (size_t v = 0; v < KITH_TILE_VECTORS; ++v) {
        const signed char* w = b + v * kLanes;
        columns[v] = Ints{w[0], w[1], w[2], w[3]};
      }
      KITH_UNROLL for (size_t r = 0; r < kRows; ++r) {
        const Ints row = Ints{} + static_cast<int>(a[r * a_stride + k]);
        KITH_UNROLL for (size_t v = 0; v < KITH_TILE_VECTORS; ++v) sums[r][v] += row * columns[v];
      }
    }
  }
};

}  // namespace
}  // namespace kith::encoder::vector128

#include "encoder/kernels/gemm_int8_body.inc"
