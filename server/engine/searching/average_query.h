// The one vector that asks for RecommendQuery::Method::kAverage. Pure.

#ifndef KITH_SERVER_ENGINE_SEARCHING_AVERAGE_QUERY_H_
#define KITH_SERVER_ENGINE_SEARCHING_AVERAGE_QUERY_H_

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "index/metric.h"

namespace kith::engine {

// mean(positive), or mean(positive) + (mean(positive) - mean(negative)).
//
// An example: one or more vectors end to end, [n][dimension], which count as their mean: a
// document's passages. Under cosine every vector, and then every example, first gets length 1.
// INVALID_ARGUMENT (ZERO_VECTOR, VECTOR_NOT_FINITE) if nothing that could ask is left: the examples
// cancel one another out, or are too large. REQUIRES: `positive` is not empty.
absl::StatusOr<std::vector<float>> AverageQuery(std::span<const std::vector<float>> positive,
                                                std::span<const std::vector<float>> negative,
                                                size_t dimension, index::Metric metric);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_AVERAGE_QUERY_H_
