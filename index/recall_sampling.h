// MeasureRecallCurve: the recall curve of a segment that is being built. See recall_curve.h for
// what it says. Internal to index/.

#ifndef KITH_INDEX_RECALL_SAMPLING_H_
#define KITH_INDEX_RECALL_SAMPLING_H_

#include <cstdint>
#include <functional>
#include <span>

#include "absl/status/statusor.h"
#include "index/exact_rows.h"
#include "index/index_options.h"
#include "index/recall_curve.h"
#include "index/sealed_parts.h"
#include "kith/base/call.h"

namespace kith::index {

struct SamplingInput {
  IndexOptions options;
  CodedRows coded;
  std::span<const ExactRow> rows;  // by slot
  uint32_t threads = 1;
  uint64_t seed = 0;
};

// Costs one pass over all rows for each of 128 samples, and some walks. `progress(done, total)` is
// called by the calling thread.
absl::StatusOr<RecallCurve> MeasureRecallCurve(
    const SamplingInput& input, const Call& call,
    const std::function<void(uint64_t done, uint64_t total)>& progress);

}  // namespace kith::index

#endif  // KITH_INDEX_RECALL_SAMPLING_H_
