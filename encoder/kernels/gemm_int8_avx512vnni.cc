// int8 products by AVX-512 VNNI: vpdpbusd adds four products of bytes to each 32-bit sum, exactly.
// Tiles of 12 x 32: 24 registers of sums, two of a panel's columns, one with four bytes of a row.
// The sums are an array of our own vector type: g++ 12 keeps one of __m512i, whose pointers may
// alias anything, in memory, and stores every sum in every round.

#include <immintrin.h>

#include "encoder/kernels/sets.h"

#define KITH_LANES 16
#define KITH_NAMESPACE avx512vnni
#define KITH_TILE_ROWS 12
#define KITH_TILE_VECTORS 2
#define KITH_PANEL_BYTES (64 * 1024)
#include "encoder/kernels/vector_math.inc"

namespace kith::encoder::avx512vnni {
namespace {

struct Format {
  using Activation = unsigned char;
  using Weight = signed char;
  using Accumulators = Ints;
  static constexpr size_t kGroup = 4;
  static constexpr bool kQuantised = true;

  static Floats ToFloats(Ints sums) { return __builtin_convertvector(sums, Floats); }

  static inline Ints Add(Ints sums, Ints a, Ints b) {
    return (Ints)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)a, (__m512i)b);
  }

  template <size_t kRows>
  static inline void Accumulate(const unsigned char* a, size_t a_stride, const signed char* b,
                                size_t depth, Ints (&sums)[kRows][KITH_TILE_VECTORS]) {
    for (size_t k = 0; k < depth; k += 4, b += 4 * KITH_TILE_VECTORS * kLanes) {
      Ints columns[KITH_TILE_VECTORS];
      KITH_UNROLL for (size_t v = 0; v < KITH_TILE_VECTORS; ++v) {
        columns[v] = (Ints)_mm512_loadu_si512(b + 4 * v * kLanes);
      }
      KITH_UNROLL for (size_t r = 0; r < kRows; ++r) {
        int quad;
        __builtin_memcpy(&quad, a + r * a_stride + k, sizeof(quad));
        const Ints row = Ints{} + quad;
        KITH_UNROLL for (size_t v = 0; v < KITH_TILE_VECTORS; ++v) {
          sums[r][v] = Add(sums[r][v], row, columns[v]);
        }
      }
    }
  }
};

}  // namespace
}  // namespace kith::encoder::avx512vnni

#include "encoder/kernels/gemm_int8_body.inc"
