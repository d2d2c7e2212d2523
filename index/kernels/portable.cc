// The kernels that anyone can check: the fallback, and the oracle of all others.

#include "index/kernels/sets.h"

namespace kith::index::portable {
namespace {

constexpr size_t kSums = 32;  // kLanes of kernels.h

// Upper half onto lower half, until one sum is left: the order that every set keeps.
double Fold(double (&sums)[kSums]) {
  for (size_t half = kSums / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) sums[i] += sums[i + half];
  }
  return sums[0];
}

}  // namespace

double DotF32(const float* a, const float* b, size_t n) {
  double sums[kSums] = {};
  size_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (size_t j = 0; j < kSums; ++j) {
      sums[j] += static_cast<double>(a[i + j]) * static_cast<double>(b[i + j]);
    }
  }
  for (size_t j = 0; i + j < n; ++j) {
    sums[j] += static_cast<double>(a[i + j]) * static_cast<double>(b[i + j]);
  }
  return Fold(sums);
}

double SquaredL2F32(const float* a, const float* b, size_t n) {
  double sums[kSums] = {};
  size_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (size_t j = 0; j < kSums; ++j) {
      const double d = static_cast<double>(a[i + j]) - static_cast<double>(b[i + j]);
      sums[j] += d * d;
    }
  }
  for (size_t j = 0; i + j < n; ++j) {
    const double d = static_cast<double>(a[i + j]) - static_cast<double>(b[i + j]);
    sums[j] += d * d;
  }
  return Fold(sums);
}

void DotCodes(const int16_t* query, const int8_t* codes, size_t n, size_t rows, int32_t* products) {
  for (size_t r = 0; r < rows; ++r, codes += n) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; ++i) sum += int32_t{query[i]} * int32_t{codes[i]};
    products[r] = sum;
  }
}

}  // namespace kith::index::portable
