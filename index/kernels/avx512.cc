// AVX-512 F, BW, DQ and VL. 32 float64 sums are the 4 registers sums[0..3] of 8 lanes: component i
// % 32 is lane i % 8 of register i / 8 % 4, which keeps the order of additions that kernels.h
// promises.

#include <immintrin.h>

#include "index/kernels/sets.h"

namespace kith::index::avx512 {
namespace {

constexpr size_t kSums = 32;
constexpr size_t kWidth = 8;
constexpr size_t kRegisters = kSums / kWidth;

inline __m512d Load(const float* p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }

// The first `count` < 8 of eight floats; the others zero. It reads nothing beyond them.
inline __m512d LoadSome(const float* p, size_t count) {
  const __mmask8 mask = static_cast<__mmask8>((1u << count) - 1);
  return _mm512_cvtps_pd(_mm256_maskz_loadu_ps(mask, p));
}

inline double Fold(__m512d (&sums)[kRegisters]) {
  for (size_t half = kRegisters / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) sums[i] = _mm512_add_pd(sums[i], sums[i + half]);
  }
  const __m256d four =
      _mm256_add_pd(_mm512_castpd512_pd256(sums[0]), _mm512_extractf64x4_pd(sums[0], 1));
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

// A product of two floats is exact in float64, so that fusing it with the addition changes nothing.
struct Dot {
  static __m512d Add(__m512d sum, __m512d a, __m512d b) { return _mm512_fmadd_pd(a, b, sum); }
};

// A squared difference is not exact: it is rounded before it is added, as everywhere.
struct SquaredL2 {
  static __m512d Add(__m512d sum, __m512d a, __m512d b) {
    const __m512d d = _mm512_sub_pd(a, b);
    return _mm512_add_pd(sum, _mm512_mul_pd(d, d));
  }
};

template <typename Term>
inline double Sum(const float* a, const float* b, size_t n) {
  __m512d sums[kRegisters];
  for (__m512d& sum : sums) sum = _mm512_setzero_pd();
  size_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (size_t j = 0; j < kRegisters; ++j) {
      sums[j] = Term::Add(sums[j], Load(a + i + j * kWidth), Load(b + i + j * kWidth));
    }
  }
  for (size_t j = 0; i < n; ++j, i += kWidth) {
    const size_t left = n - i;
    sums[j] = left >= kWidth ? Term::Add(sums[j], Load(a + i), Load(b + i))
                             : Term::Add(sums[j], LoadSome(a + i, left), LoadSome(b + i, left));
  }
  return Fold(sums);
}

inline __m512i LoadCodes(const int8_t* p) {
  return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

}  // namespace

double DotF32(const float* a, const float* b, size_t n) { return Sum<Dot>(a, b, n); }

double SquaredL2F32(const float* a, const float* b, size_t n) { return Sum<SquaredL2>(a, b, n); }

// Codes widen to 16 bits and meet the 16-bit query in multiply-adds of pairs: 2 * 127 * 4095 fits
// 32 bits. Two rows at a time share the loads of the query.
void DotCodes(const int16_t* query, const int8_t* codes, size_t n, size_t rows, int32_t* products) {
  size_t r = 0;
  for (; r + 2 <= rows; r += 2, codes += 2 * n) {
    __m512i sum0 = _mm512_setzero_si512();
    __m512i sum1 = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += 32) {
      const __m512i q = _mm512_loadu_si512(query + i);
      sum0 = _mm512_add_epi32(sum0, _mm512_madd_epi16(q, LoadCodes(codes + i)));
      sum1 = _mm512_add_epi32(sum1, _mm512_madd_epi16(q, LoadCodes(codes + n + i)));
    }
    products[r] = _mm512_reduce_add_epi32(sum0);
    products[r + 1] = _mm512_reduce_add_epi32(sum1);
  }
  if (r < rows) {
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += 32) {
      const __m512i q = _mm512_loadu_si512(query + i);
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(q, LoadCodes(codes + i)));
    }
    products[r] = _mm512_reduce_add_epi32(sum);
  }
}

}  // namespace kith::index::avx512
