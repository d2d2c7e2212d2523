// Vectors for the tests of index/: families that are hard on quantisation, in ways that differ; and
// a score in long double as the oracle of all others.

#ifndef KITH_TESTS_INDEX_DATA_H_
#define KITH_TESTS_INDEX_DATA_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "index/metric.h"

namespace kith::index {

using Vector = std::vector<float>;

enum class Family {
  kGaussian,
  kClustered,    // a thousandth around one of five centres: closer than codes can tell
  kConstant,     // all components of a row alike
  kIntegers,     // small ones: quantised without any residual, many ties
  kTiny,         // norms near the least that cosine takes
  kDenormal,     // components that float32 holds with a few bits only; not for cosine
  kHuge,         // norms near the greatest taken
  kHeavyTailed,  // one component dwarfs the rest
  kMixedNorms,   // huge rows beside tiny ones
  kDuplicated,   // three different vectors
  kOneUlpApart,  // one vector and its neighbours in float32
  kOneHot,
};

inline constexpr Family kFamilies[] = {
    Family::kGaussian,   Family::kClustered,  Family::kConstant,    Family::kIntegers,
    Family::kTiny,       Family::kDenormal,   Family::kHuge,        Family::kHeavyTailed,
    Family::kMixedNorms, Family::kDuplicated, Family::kOneUlpApart, Family::kOneHot};

inline constexpr Metric kMetrics[] = {Metric::kCosine, Metric::kDot, Metric::kL2};

class VectorMaker {
 public:
  VectorMaker(Family family, uint32_t dimension, uint64_t seed)
      : family_(family), dimension_(dimension), random_(seed) {
    for (Vector& centre : centres_) centre = Gaussian(1);
  }

  Vector Next() {
    switch (family_) {
      case Family::kGaussian:
        return Gaussian(1);
      case Family::kClustered: {
        Vector v = Gaussian(1e-3);
        const Vector& centre = centres_[random_() % 5];
        for (uint32_t i = 0; i < dimension_; ++i) v[i] += centre[i];
        return v;
      }
      case Family::kConstant:
        return Vector(dimension_, static_cast<float>(Normal() + 5));
      case Family::kIntegers: {
        Vector v(dimension_);
        for (float& x : v) x = static_cast<float>(static_cast<int>(random_() % 7) - 3);
        v[random_() % dimension_] = 127;
        return v;
      }
      case Family::kTiny:
        return Scaled(3e-18);
      case Family::kDenormal: {
        Vector v(dimension_);
        for (float& x : v) x = 1e-45f * static_cast<float>(static_cast<int>(random_() % 19) - 9);
        return v;
      }
      case Family::kHuge:
        return Scaled(9e17);
      case Family::kHeavyTailed: {
        Vector v = Gaussian(1);
        for (float& x : v) x = x * x * x * x * x;
        v[random_() % dimension_] = 1e4f * std::sqrt(static_cast<float>(dimension_));
        return v;
      }
      case Family::kMixedNorms:
        return Scaled(std::pow(10.0, static_cast<int>(random_() % 35) - 17));
      case Family::kDuplicated:
        return centres_[random_() % 3];
      case Family::kOneUlpApart: {
        Vector v = centres_[0];
        float& x = v[random_() % dimension_];
        x = std::nextafter(x, random_() % 2 == 0 ? 1e9f : -1e9f);
        return v;
      }
      case Family::kOneHot: {
        Vector v(dimension_);
        v[random_() % dimension_] = random_() % 2 == 0 ? 1.0f : -0.5f;
        return v;
      }
    }
    return {};
  }

  std::mt19937_64& random() { return random_; }

 private:
  double Normal() { return std::normal_distribution<double>()(random_); }

  Vector Gaussian(double scale) {
    Vector v(dimension_);
    for (float& x : v) x = static_cast<float>(scale * Normal());
    return v;
  }

  // A random direction of just under that norm.
  Vector Scaled(double norm) {
    Vector v = Gaussian(1);
    double squares = 0;
    for (float x : v) squares += static_cast<double>(x) * x;
    for (float& x : v) x = static_cast<float>(x * norm * 0.999 / std::sqrt(squares));
    return v;
  }

  const Family family_;
  const uint32_t dimension_;
  std::mt19937_64 random_;
  Vector centres_[5];
};

inline long double OracleScore(Metric metric, std::span<const float> a, std::span<const float> b) {
  long double dot = 0, aa = 0, bb = 0, l2 = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const long double x = a[i], y = b[i];
    dot += x * y;
    aa += x * x;
    bb += y * y;
    l2 += (x - y) * (x - y);
  }
  switch (metric) {
    case Metric::kCosine:
      return std::clamp<long double>(dot / std::sqrt(aa) / std::sqrt(bb), -1, 1);
    case Metric::kDot:
      return dot;
    case Metric::kL2:
      return -std::sqrt(l2);
  }
  return 0;
}

// How far a score in float32 may be from the oracle's: its rounding, and what cancellation in
// float64 leaves.
inline long double OracleTolerance(Metric metric, std::span<const float> a,
                                   std::span<const float> b, long double score) {
  long double magnitude = 0;
  if (metric == Metric::kCosine) {
    magnitude = 1;
  } else if (metric == Metric::kDot) {
    magnitude = std::sqrt(OracleScore(Metric::kDot, a, a) * OracleScore(Metric::kDot, b, b));
  }
  return std::fabs(score) * 1.2e-7L + magnitude * 1e-13L + 2e-45L;
}

}  // namespace kith::index

#endif  // KITH_TESTS_INDEX_DATA_H_
