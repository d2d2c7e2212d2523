// MeasureRecall: how many of the exact k nearest a search finds, on the data as it is: with queries
// of the caller's, or with sampled rows as queries, each left out of its own answer. For
// `kith measure-recall` and for tuning; it scans everything once a query.
//
// Thread-safe.

#ifndef KITH_INDEX_MEASURE_RECALL_H_
#define KITH_INDEX_MEASURE_RECALL_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "index/index_view.h"
#include "index/search.h"
#include "kith/base/call.h"

namespace kith::index {

struct RecallRequest {
  // [count][dimension]; each vector is a query of its own. Empty: `samples` rows of the view.
  std::span<const float> queries = {};
  uint32_t samples = 100;
  uint64_t seed = 0;
  // What is measured: k, target_recall or ef, ef_boost, group_by_document. Its queries are not
  // used.
  SearchParams search = {};
};

struct RecallPoint {
  uint32_t ef = 0;
  double recall = 0;
  double latency_us_p50 = 0;
  double distances = 0;  // the mean of graph distances and rows scanned
};

struct RecallReport {
  uint32_t queries = 0;
  // Of the searches as asked for. A row that ties with the k-th best counts as found.
  double recall = 1;
  double recall_error = 0;  // standard error of it
  double recall_least = 1;  // of the worst query
  double latency_us_p50 = 0;
  double latency_us_p95 = 0;
  double latency_us_p99 = 0;
  double exact_latency_us_p50 = 0;
  // The same searches with ascending ef; empty when the view has no graph.
  std::vector<RecallPoint> curve;
  // Advice. The least ef of the curve whose recall reaches the target; 0: none does, ask exactly.
  uint32_t advised_ef = 0;
  bool target_met = true;  // by the searches as asked for, within the error
};

// Checks the request as Search does. An empty view gives a report of no queries.
absl::StatusOr<RecallReport> MeasureRecall(const IndexView& view, const RecallRequest& request,
                                           const Call& call);

}  // namespace kith::index

#endif  // KITH_INDEX_MEASURE_RECALL_H_
