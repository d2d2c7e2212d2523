// One search over a View, once its texts are encoded: rank, shape the ranking, fetch what the
// caller selected. Index and storage see the same moment.
//
// Plain functions, thread-safe.

#ifndef KITH_SERVER_ENGINE_SEARCHING_SEARCH_RUN_H_
#define KITH_SERVER_ENGINE_SEARCHING_SEARCH_RUN_H_

#include <span>

#include "absl/status/statusor.h"
#include "index/spread.h"
#include "kith/base/call.h"
#include "server/engine/hit_cache.h"
#include "server/engine/search.h"
#include "server/engine/searching/filter_evaluator.h"
#include "server/engine/searching/leaves.h"
#include "server/engine/searching/stage_clock.h"
#include "server/engine/shard_identity.h"
#include "server/engine/view.h"
#include "storage/reader.h"

namespace kith::engine {

// What searches of one batch share.
struct SearchContext {
  const View& view;
  // Reads the View's snapshot; one that is CacheOnly may fail with IsNotCached().
  const storage::Reader& reader;
  HitCache* cache;
  const SpaceIdentity& shard;
  FilterEvaluator* filters;         // of the View
  double boost = 1;                 // how wide walks for a target recall are (RecallSampler)
  index::Spread* spread = nullptr;  // for the parts of one that is long; may be null
  const Call& call;
};

// `leaves` are those of the request's query, encoded. `clock`, if not null, has run since the
// request came; stages are added to it.
absl::StatusOr<SearchAnswer> RunSearch(const SearchContext& context, const SearchRequest& request,
                                       std::span<const Leaf> leaves, StageClock* clock);

// About how long RunSearch computes, in nanoseconds, its reads not counted.
double EstimateNanoseconds(const View& view, const SearchRequest& request,
                           std::span<const Leaf> leaves);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_SEARCH_RUN_H_
