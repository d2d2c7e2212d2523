// EstimateCollection: the sizing formula, from the same estimates that builds reserve memory by.

#include <algorithm>

#include "index/growing_segment.h"
#include "index/segment_build.h"
#include "index/vector_check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/database.h"
#include "server/engine/indexing/segment_job.h"
#include "server/engine/validate.h"

namespace kith::engine {
namespace {

// More than any machine holds, and little enough that no product below overflows.
constexpr uint64_t kPassagesMax = 100'000'000'000;
constexpr double kTextBytesMax = 16 << 20;
// Of rows that wait to be sealed: one segment that fills, one that is built from, one between.
constexpr uint64_t kGrowingSegments = 3;
// Keys and records of a passage beside its vector and its text.
constexpr uint64_t kRecordBytes = 160;
// Of a growing row beside its float32 and its 8-bit code.
constexpr uint64_t kGrowingRowBytes = sizeof(index::RowInfo);

}  // namespace

absl::StatusOr<Estimate> EstimateCollection(const EstimateRequest& request, const Limits& limits,
                                            const ServerInfo& server) {
  KITH_RETURN_IF_ERROR(InField(index::ValidateDimension(request.dimension), "dimension"));
  if (request.dimension > limits.dimension) {
    return InvalidArgument(reason::kLimitOutOfRange, "dimension: {} given, the limit is {}",
                           request.dimension, limits.dimension)
        .Field("dimension")
        .With("limit", limits.dimension);
  }
  KITH_RETURN_IF_ERROR(InField(ValidateIndexSettings(request.index), "index"));
  if (request.passages > kPassagesMax) {
    return InvalidArgument(reason::kLimitOutOfRange, "passage_count: {} given, the limit is {}",
                           request.passages, kPassagesMax)
        .Field("passage_count")
        .With("limit", kPassagesMax);
  }
  // Written so that NaN is refused, too.
  if (!(request.mean_text_bytes >= 0 && request.mean_text_bytes <= kTextBytesMax)) {
    return InvalidArgument(reason::kLimitOutOfRange,
                           "mean_text_bytes: {} given, must be from 0 to {}",
                           request.mean_text_bytes, kTextBytesMax)
        .Field("mean_text_bytes");
  }
  // L2 keeps a number more a row than the others.
  index::IndexOptions options;
  options.dimension = request.dimension;
  options.metric = Metric::kL2;
  const index::SegmentBuildOptions build = BuildOptionsOf(request.index);
  const uint64_t in_segment = std::min(request.passages, IndexingOptions().merge_rows_max);
  const uint64_t vector_bytes = uint64_t{request.dimension} * sizeof(float);
  const uint64_t growing_rows =
      std::min<uint64_t>(request.passages, kGrowingSegments * index::GrowingSegment::kMaxRows);

  Estimate estimate;
  estimate.resident_bytes =
      request.passages == 0 ? 0 : index::EstimateResidentBytes(options, build, in_segment);
  if (in_segment > 0) {
    estimate.resident_bytes = static_cast<uint64_t>(
        static_cast<double>(estimate.resident_bytes) *
        (static_cast<double>(request.passages) / static_cast<double>(in_segment)));
  }
  estimate.resident_bytes += growing_rows * (vector_bytes + request.dimension + kGrowingRowBytes);
  estimate.cached_bytes = request.passages * vector_bytes;
  estimate.build_bytes =
      in_segment == 0 ? 0 : index::EstimateBuildBytes(options, build, in_segment);
  const uint64_t file_bytes =
      in_segment == 0 ? 0 : index::EstimateFileBytes(options, build, in_segment);
  const double segments =
      in_segment == 0 ? 0 : static_cast<double>(request.passages) / static_cast<double>(in_segment);
  estimate.disk_bytes =
      static_cast<uint64_t>(static_cast<double>(file_bytes) * segments) +
      request.passages * (vector_bytes + kRecordBytes) +
      static_cast<uint64_t>(static_cast<double>(request.passages) * request.mean_text_bytes);
  estimate.budget_bytes = server.memory_budget_bytes;
  estimate.used_bytes = server.memory_used_bytes;
  const uint64_t limit = server.memory_budget_bytes / 10 * 9;
  estimate.fits =
      server.memory_used_bytes <= limit &&
      estimate.resident_bytes + estimate.build_bytes <= limit - server.memory_used_bytes;
  return estimate;
}

}  // namespace kith::engine
