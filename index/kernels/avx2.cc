// AVX2 and FMA. 32 float64 sums are the 8 registers sums[0..7] of 4 lanes: component i % 32 is lane
// i % 4 of register i / 4 % 8, which keeps the order of additions that kernels.h promises.

#include <immintrin.h>

#include "index/kernels/sets.h"

namespace kith::index::avx2 {
namespace {

constexpr size_t kSums = 32;
constexpr size_t kWidth = 4;
constexpr size_t kRegisters = kSums / kWidth;

inline __m256d Load(const float* p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }

// The first `count` < 4 of four floats; the others zero. It reads nothing beyond them.
inline __m256d LoadSome(const float* p, size_t count) {
  const __m128i lane = _mm_set_epi32(3, 2, 1, 0);
  const __m128i mask = _mm_cmpgt_epi32(_mm_set1_epi32(static_cast<int>(count)), lane);
  return _mm256_cvtps_pd(_mm_maskload_ps(p, mask));
}

inline double Fold(__m256d (&sums)[kRegisters]) {
  for (size_t half = kRegisters / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) sums[i] = _mm256_add_pd(sums[i], sums[i + half]);
  }
  const __m128d two =
      _mm_add_pd(_mm256_castpd256_pd128(sums[0]), _mm256_extractf128_pd(sums[0], 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

// A product of two floats is exact in float64, so that fusing it with the addition changes nothing.
struct Dot {
  static __m256d Add(__m256d sum, __m256d a, __m256d b) { return _mm256_fmadd_pd(a, b, sum); }
};

// A squared difference is not exact: it is rounded before it is added, as everywhere.
struct SquaredL2 {
  static __m256d Add(__m256d sum, __m256d a, __m256d b) {
    const __m256d d = _mm256_sub_pd(a, b);
    return _mm256_add_pd(sum, _mm256_mul_pd(d, d));
  }
};

template <typename Term>
inline double Sum(const float* a, const float* b, size_t n) {
  __m256d sums[kRegisters];
  for (__m256d& sum : sums) sum = _mm256_setzero_pd();
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

inline __m256i LoadCodes(const int8_t* p) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

inline __m256i LoadQuery(const int16_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

inline int32_t FoldInt(__m256i sum) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(1, 0, 3, 2)));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(2, 3, 0, 1)));
  return _mm_cvtsi128_si32(four);
}

}  // namespace

double DotF32(const float* a, const float* b, size_t n) { return Sum<Dot>(a, b, n); }

double SquaredL2F32(const float* a, const float* b, size_t n) { return Sum<SquaredL2>(a, b, n); }

// Codes widen to 16 bits and meet the 16-bit query in multiply-adds of pairs: 2 * 127 * 4095 fits
// 32 bits. Two rows at a time share the loads of the query.
void DotCodes(const int16_t* query, const int8_t* codes, size_t n, size_t rows, int32_t* products) {
  size_t r = 0;
  for (; r + 2 <= rows; r += 2, codes += 2 * n) {
    __m256i sum0 = _mm256_setzero_si256();
    __m256i sum1 = _mm256_setzero_si256();
    __m256i sum2 = _mm256_setzero_si256();
    __m256i sum3 = _mm256_setzero_si256();
    for (size_t i = 0; i < n; i += 32) {
      const __m256i low = LoadQuery(query + i);
      const __m256i high = LoadQuery(query + i + 16);
      sum0 = _mm256_add_epi32(sum0, _mm256_madd_epi16(low, LoadCodes(codes + i)));
      sum1 = _mm256_add_epi32(sum1, _mm256_madd_epi16(high, LoadCodes(codes + i + 16)));
      sum2 = _mm256_add_epi32(sum2, _mm256_madd_epi16(low, LoadCodes(codes + n + i)));
      sum3 = _mm256_add_epi32(sum3, _mm256_madd_epi16(high, LoadCodes(codes + n + i + 16)));
    }
    products[r] = FoldInt(_mm256_add_epi32(sum0, sum1));
    products[r + 1] = FoldInt(_mm256_add_epi32(sum2, sum3));
  }
  if (r < rows) {
    __m256i sum = _mm256_setzero_si256();
    for (size_t i = 0; i < n; i += 16) {
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(LoadQuery(query + i), LoadCodes(codes + i)));
    }
    products[r] = FoldInt(sum);
  }
}

}  // namespace kith::index::avx2
