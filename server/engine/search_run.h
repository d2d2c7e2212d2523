// One search over a View, once its query has become vectors: find the best passages or documents,
// then fetch what the caller selected. Index and storage see the same moment.
//
// Plain functions, thread-safe.

#ifndef KITH_SERVER_ENGINE_SEARCH_RUN_H_
#define KITH_SERVER_ENGINE_SEARCH_RUN_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "index/index_view.h"
#include "kith/base/call.h"
#include "server/engine/committer.h"
#include "server/engine/hit_cache.h"
#include "server/engine/search.h"
#include "server/engine/view.h"
#include "storage/reader.h"

namespace kith::engine {

// What a query asks of the index.
struct QueryVectors {
  std::vector<float> values;                 // [count, dimension], count >= 1
  std::vector<index::OrdinalRange> exclude;  // passages that are not wanted
};

// The vectors of a stored document that is to be searched by, and its own passages to leave out:
// the first 16 passages ask. NOT_FOUND / DOCUMENT_NOT_FOUND.
absl::StatusOr<QueryVectors> VectorsOfDocument(const storage::Reader& reader,
                                               const ShardIdentity& shard, const std::string& id);

// `reader` reads the View's snapshot; one that is CacheOnly may fail with IsNotCached(). `boost`
// widens what the request's target recall means (RecallSampler).
absl::StatusOr<SearchAnswer> RunSearch(const View& view, const storage::Reader& reader,
                                       HitCache* cache, const ShardIdentity& shard,
                                       const SearchRequest& request, const QueryVectors& query,
                                       double boost, const Call& call);

// About how long RunSearch computes, in nanoseconds, its reads not counted.
double EstimateNanoseconds(const View& view, const SearchRequest& request);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCH_RUN_H_
