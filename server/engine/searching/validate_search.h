// Is this a search that may be asked? What does not need the collection: ranges and what excludes
// what. Errors are INVALID_ARGUMENT, name the field, and carry the limit.
//
// Pure.

#ifndef KITH_SERVER_ENGINE_SEARCHING_VALIDATE_SEARCH_H_
#define KITH_SERVER_ENGINE_SEARCHING_VALIDATE_SEARCH_H_

#include "absl/status/status.h"
#include "server/engine/limits.h"
#include "server/engine/search.h"

namespace kith::engine {

// limit >= 1, offset >= 0, limit + offset <= limits.results; passages per group; tuning; fields to
// select; diversify and score_min; examples. Leaves of the query are ValidateLeaf's (leaves.h).
absl::Status ValidateSearch(const SearchRequest& request, const Limits& limits);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_VALIDATE_SEARCH_H_
