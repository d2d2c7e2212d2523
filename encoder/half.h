// The two 16-bit float formats that models are stored in, widened to float32 (exact for every
// value), and bfloat16 made from float32.

#ifndef KITH_ENCODER_HALF_H_
#define KITH_ENCODER_HALF_H_

#include <bit>
#include <cstdint>

namespace kith::encoder {

// bfloat16: the upper half of a float32.
inline float FloatFromBf16(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

// The nearest bfloat16 to a finite float, ties to even. Floats above the largest become infinite.
inline uint16_t Bf16FromFloat(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// IEEE 754 binary16: 1 sign bit, 5 of exponent (bias 15), 10 of mantissa.
inline float FloatFromF16(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1f;
  const uint32_t mantissa = bits & 0x3ff;
  if (exponent == 0) {  // zero and subnormals: mantissa x 2^-24
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  const uint32_t wide = exponent == 31 ? 255 : exponent + 127 - 15;
  return std::bit_cast<float>(sign | (wide << 23) | (mantissa << 13));
}

}  // namespace kith::encoder

#endif  // KITH_ENCODER_HALF_H_
