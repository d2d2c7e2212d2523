// Scalar quantisation of one vector: x is written as s c + r, with integer codes c of at most `Max`
// in magnitude, one scale s, and a residual r whose norm is kept, so that whoever computes with s c
// knows how far off it can be. Used for rows (8 bits) and queries (13 bits); see kernels.h for the
// limits.
//
// For any query q = t d + p and row x = s c + r:
//
//   <q, x> = t s <d, c> + <t d, r> + <p, x>,  and the last two are at most |t d| |r| + |p| |x|
//   |q - x| is within |p| + |r| of |t d - s c|

#ifndef KITH_INDEX_QUANTIZER_H_
#define KITH_INDEX_QUANTIZER_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace kith::index {

// All in float64, where no square of a float32 leaves the range.
struct Quantized {
  double scale = 0;      // s; 0 for a zero vector
  double norm = 0;       // |x|
  double code_norm = 0;  // |s c|
  double residual = 0;   // at least |r|: rounded up
};

// Writes vector.size() codes to `codes`. REQUIRES: all components finite.
Quantized QuantizeRow(std::span<const float> vector, int8_t* codes);
Quantized QuantizeQuery(std::span<const float> vector, int16_t* codes);

}  // namespace kith::index

#endif  // KITH_INDEX_QUANTIZER_H_
