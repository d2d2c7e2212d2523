#include "index/exact_scan.h"

#include <algorithm>
#include <cmath>

#include "index/row_filter.h"
#include "index/sealed_parts.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr uint32_t kRowsPerCheck = 1024;  // between two looks at the call

}  // namespace

absl::Status ScoreSealedRow(const SealedSegment& segment, uint32_t slot, const QuerySet& queries,
                            Hit& hit) {
  const SealedSegment::Parts& parts = segment.parts();
  const ExactRow row = parts.exact->Row(slot);
  if (row.values == nullptr) [[unlikely]]
    return parts.exact->DamageOf(slot);
  const float score = queries.Score(row.values, row.norm);
  if (!std::isfinite(score)) [[unlikely]]
    return parts.exact->SenselessRow(slot);
  hit = {parts.slots.Ordinal(slot), parts.slots.PassageIndex(slot), score};
  return absl::OkStatus();
}

absl::Status ExactScan::Add(const SegmentView& segment, const Call& call, SearchResult& result) {
  const RowFilter filter(segment, exclude_);
  for (uint32_t first = 0; first < segment.visible;) {
    KITH_RETURN_IF_ERROR(call.Check());
    const uint32_t end = std::min(segment.visible, first + kRowsPerCheck);
    if (segment.sealed != nullptr) {
      for (; first < end; ++first) {
        if (!filter.Allows(first, segment.Ordinal(first))) continue;
        Hit hit;
        KITH_RETURN_IF_ERROR(ScoreSealedRow(*segment.sealed, first, queries_, hit));
        Push(hit);
      }
      continue;
    }
    const GrowingSegment::Run run = segment.growing->RunAt(first, end);
    for (uint32_t r = 0; r < run.count; ++r) {
      const RowInfo& info = run.info[r];
      if (!filter.Allows(first + r, info.ordinal)) continue;
      const float* exact = run.exact + r * segment.growing->exact_stride();
      Push({info.ordinal, info.passage_index, queries_.Score(exact, info.norm)});
    }
    first += run.count;
  }
  result.rows_scanned += segment.visible;
  ++result.segments_scanned;
  return absl::OkStatus();
}

void ExactScan::Push(const Hit& hit) {
  if (!by_document_) return best_.Push(hit);
  if (open_ && hit.document() == group_best_.document()) {
    // Rows come in the order of ordinals: a tie keeps the lower one.
    if (hit.score > group_best_.score) group_best_ = hit;
    return;
  }
  Finish();
  open_ = true;
  group_best_ = hit;
}

void ExactScan::Finish() {
  if (open_) best_.Push(group_best_);
  open_ = false;
}

}  // namespace kith::index
