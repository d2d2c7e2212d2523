// ForEachRow: rows shared out among threads. Internal to index/graph/.

#ifndef KITH_INDEX_GRAPH_ROW_WORKERS_H_
#define KITH_INDEX_GRAPH_ROW_WORKERS_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "index/graph/graph_builder.h"
#include "kith/base/call.h"

namespace kith::index {

// Calls work(row, thread) for every row below `count`, on `threads` threads of which the caller's
// is number 0, the only one that reports progress. A thread takes `run` consecutive rows at a time.
// Ends early with the first failure: of the call, or an exception of `work` (RESOURCE_EXHAUSTED for
// a lack of memory).
absl::Status ForEachRow(uint32_t count, uint32_t run, uint32_t threads, const Call& call,
                        const GraphProgress& progress,
                        const std::function<void(uint32_t row, uint32_t thread)>& work);

// The exception being handled, as a status.
absl::Status CurrentException();

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_ROW_WORKERS_H_
