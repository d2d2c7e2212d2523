// From a request's query to what ranks by it.

#ifndef KITH_SERVER_ENGINE_SEARCHING_MAKE_RANKER_H_
#define KITH_SERVER_ENGINE_SEARCHING_MAKE_RANKER_H_

#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "server/engine/search.h"
#include "server/engine/searching/dense_ranker.h"
#include "server/engine/searching/leaves.h"
#include "server/engine/searching/ranker.h"

namespace kith::engine {

// `vectors`: of each of the query's leaves, in their order. The context outlives the ranker;
// nothing else has to.
absl::StatusOr<std::unique_ptr<Ranker>> MakeHybridRanker(
    const RankContext& context, const HybridQuery& query, std::span<const Leaf> leaves,
    std::span<const QueryVectors* const> vectors, const DenseTuning& tuning);

// REQUIRES: the query is not hybrid.
absl::StatusOr<std::unique_ptr<RowRanker>> MakeRowRanker(
    const RankContext& context, const Query& query, std::span<const Leaf> leaves,
    std::span<const QueryVectors* const> vectors, const DenseTuning& tuning);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_MAKE_RANKER_H_
