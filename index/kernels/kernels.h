// The inner loops of every search, one set a processor generation. A set is a table of plain
// functions, chosen once when an index is made: no loop asks what the processor can do.
//
// All sets give the same results, bit for bit: integer kernels are exact, and float kernels add up
// in float64 in one fixed order (see kLanes). So a score does not depend on the machine it was
// computed on, replicas agree, and the portable set is an oracle for the others.
//
// Thread-safe: everything here is constant.

#ifndef KITH_INDEX_KERNELS_KERNELS_H_
#define KITH_INDEX_KERNELS_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "index/kernels/code_rows.h"

namespace kith::index {

// Float kernels keep 32 partial sums: component i goes to sum i % 32, and at the end the upper half
// of the sums is added to the lower half until one is left. 32 float64 lanes are 8 AVX2 registers
// or 4 of AVX-512: enough additions in flight to hide their latency.
inline constexpr size_t kLanes = 32;

// Rows of codes and quantised queries are padded with zeros to a multiple of this, so that the code
// kernels have no tail loop.
inline constexpr size_t kCodePadding = 32;

// The greatest magnitude of a code and of a component of a quantised query. Together with
// kMaxDimension they keep every sum of products within int32: 4096 * 127 * 4095 < 2^31.
inline constexpr int kMaxCode = 127;
inline constexpr int kMaxQueryCode = 4095;

struct Kernels {
  std::string_view name;

  // <a, b> of n components, any n and any alignment of floats.
  double (*dot_f32)(const float* a, const float* b, size_t n);

  // |a - b|^2 of n components, by the differences themselves: right for near duplicates too.
  double (*squared_l2_f32)(const float* a, const float* b, size_t n);

  // One query against many rows of codes: products[r] = <query, codes + r * n>, exact.
  // REQUIRES: n is a multiple of kCodePadding; codes within +-kMaxCode, query within
  // +-kMaxQueryCode, at most kMaxDimension of them not zero. No alignment is required.
  void (*dot_codes)(const int16_t* query, const int8_t* codes, size_t n, size_t rows,
                    int32_t* products);

  // The coded rows of sealed segments; see code_rows.h.
  ScoreRows score_int4;
  ScoreRows score_int8;
  ScoreRows score_f16;
  ScoreRows score_f32;
  ScoreBuildRows score_build_codes;
};

// The sets that this processor can run, slowest first; "portable" is always the first.
std::span<const Kernels* const> AvailableKernels();

// The fastest of them.
const Kernels& BestKernels();

// By name ("portable", "avx2", "avx512", "avx512vnni"); nullptr when unknown or not runnable here.
const Kernels* FindKernels(std::string_view name);

}  // namespace kith::index

#endif  // KITH_INDEX_KERNELS_KERNELS_H_
