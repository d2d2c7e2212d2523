// float32 to IEEE binary16. Internal to index/codes/; the way back is the processor's or
// kernels/code_rows_portable.cc.

#ifndef KITH_INDEX_CODES_HALF_H_
#define KITH_INDEX_CODES_HALF_H_

#include <bit>
#include <cmath>
#include <cstdint>

namespace kith::index {

inline constexpr float kMaxHalf = 65504;

// Rounds to nearest, ties to even. REQUIRES: |value| <= kMaxHalf.
inline uint16_t ToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (std::fabs(value) < 0x1p-14f) {
    // A multiple of 2^-24, which is the last bit of a float at 0.5: the addition rounds to it.
    const uint32_t steps = std::bit_cast<uint32_t>(std::fabs(value) + 0.5f);
    return static_cast<uint16_t>(sign | (steps - std::bit_cast<uint32_t>(0.5f)));
  }
  const uint32_t biased = magnitude - 0x38000000u;  // the exponent counts from 15, not from 127
  return static_cast<uint16_t>(sign | (biased + 0xfffu + (biased >> 13 & 1)) >> 13);
}

}  // namespace kith::index

#endif  // KITH_INDEX_CODES_HALF_H_
