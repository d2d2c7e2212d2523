// Maximal marginal relevance (Carbonell & Goldstein 1998), as search.h's Diversify defines it: hits
// that answer the question and are not all alike. Pure.

#ifndef KITH_SERVER_ENGINE_SEARCHING_DIVERSIFY_H_
#define KITH_SERVER_ENGINE_SEARCHING_DIVERSIFY_H_

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "kith/base/call.h"

namespace kith::engine {

// Positions in `scores` of the `count` hits to take (fewer if there are not so many), in the order
// of taking; ties go to the earlier one. The first n of them do not depend on `count`.
//
// `vectors`: [scores.size()][dimension]. Time: count * scores.size() * dimension. Errors are the
// call's.
absl::StatusOr<std::vector<size_t>> PickDiverse(std::span<const float> scores,
                                                std::span<const float> vectors, size_t dimension,
                                                double lambda, size_t count, const Call& call);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_DIVERSIFY_H_
