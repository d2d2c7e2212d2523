// MeasureRecall for a collection: checks what was asked, measures on one View, and says in a
// sentence what the figures mean.
//
// Plain functions, thread-safe.

#ifndef KITH_SERVER_ENGINE_INDEXING_RECALL_REPORT_H_
#define KITH_SERVER_ENGINE_INDEXING_RECALL_REPORT_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/index_view.h"
#include "kith/base/call.h"
#include "server/engine/index_admin.h"
#include "server/engine/limits.h"

namespace kith::engine {

// Everything but the vectors, which MeasureOn checks.
absl::Status ValidateRecallRequest(const RecallRequest& request, uint32_t dimension,
                                   const Limits& limits);

absl::StatusOr<RecallAnswer> MeasureOn(const index::IndexView& view, const RecallRequest& request,
                                       double boost, const Call& call);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_RECALL_REPORT_H_
