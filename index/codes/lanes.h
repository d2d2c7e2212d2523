// Sums and maxima over arrays padded to whole blocks, in lanes of their own: compilers turn them
// into vector code without being allowed to reorder anything, and every machine gets the same
// result. Internal to index/codes/.

#ifndef KITH_INDEX_CODES_LANES_H_
#define KITH_INDEX_CODES_LANES_H_

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace kith::index {

inline constexpr size_t kBlock = 16;

// The sum of term(i) for i in [0, n). REQUIRES: n is a multiple of kBlock.
template <typename Term>
inline float SumOf(size_t n, const Term& term) {
  float lanes[kBlock] = {};
  for (size_t i = 0; i < n; i += kBlock) {
    for (size_t j = 0; j < kBlock; ++j) lanes[j] += term(i + j);
  }
  for (size_t half = kBlock / 2; half > 0; half /= 2) {
    for (size_t j = 0; j < half; ++j) lanes[j] += lanes[j + half];
  }
  return lanes[0];
}

// The greatest term(i), at least 0. REQUIRES: n is a multiple of kBlock.
template <typename Term>
inline float MaxOf(size_t n, const Term& term) {
  float lanes[kBlock] = {};
  for (size_t i = 0; i < n; i += kBlock) {
    for (size_t j = 0; j < kBlock; ++j) {
      const float value = term(i + j);
      lanes[j] = value > lanes[j] ? value : lanes[j];
    }
  }
  return *std::max_element(lanes, lanes + kBlock);
}

// A factor of float64 as two of float32, so that vectors of extreme norms are scaled without
// leaving float32 half-way, and without float64 in the loop: x * first * second.
struct Factors {
  float first;
  float second;
};

// REQUIRES: 1e-60 < factor < 1e60, or 0.
inline Factors SplitFactor(double factor) {
  const float first = static_cast<float>(std::sqrt(factor));
  return {first, first > 0 ? static_cast<float>(factor / first) : 0};
}

}  // namespace kith::index

#endif  // KITH_INDEX_CODES_LANES_H_
