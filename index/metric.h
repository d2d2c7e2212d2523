// How two vectors are compared, and the words around it: a score is better when it is higher, a
// distance when it is lower, whatever the metric. Shared by everything in index/ and by the engine.

#ifndef KITH_INDEX_METRIC_H_
#define KITH_INDEX_METRIC_H_

#include <cstdint>
#include <string_view>

namespace kith::index {

inline constexpr uint32_t kMaxDimension = 4096;

enum class Metric : uint8_t {
  kCosine,  // score: the cosine, in [-1, 1]; distance: 1 - cosine
  kDot,     // score: the inner product; distance: its negative
  kL2,      // score: the negative Euclidean distance; distance: the Euclidean distance
};

constexpr std::string_view MetricName(Metric metric) {
  switch (metric) {
    case Metric::kCosine:
      return "cosine";
    case Metric::kDot:
      return "dot";
    case Metric::kL2:
      return "l2";
  }
  return "unknown";
}

// The distance that belongs to a score of `metric`.
constexpr float Distance(Metric metric, float score) {
  // 0 - score rather than -score: a distance of nothing is 0, never -0.
  return metric == Metric::kCosine ? 1.0f - score : 0.0f - score;
}

}  // namespace kith::index

#endif  // KITH_INDEX_METRIC_H_
