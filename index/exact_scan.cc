#include "index/exact_scan.h"

#include <cmath>

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

absl::Status ExactScan::Add(const SegmentView& segment, const AllowedSlots& allowed,
                            const Call& call, SearchResult& result) {
  uint64_t scored = 0;
  for (uint32_t slot = allowed.Next(0); slot < segment.visible; slot = allowed.Next(slot + 1)) {
    if (scored++ % kRowsPerCheck == 0) KITH_RETURN_IF_ERROR(call.Check());
    Hit hit;
    if (segment.sealed != nullptr) {
      KITH_RETURN_IF_ERROR(ScoreSealedRow(*segment.sealed, slot, queries_, hit));
    } else {
      const RowInfo& info = segment.growing->Info(slot);
      hit = {info.ordinal, info.passage_index,
             queries_.Score(segment.growing->Exact(slot), info.norm)};
    }
    Push(hit);
  }
  result.rows_scanned += scored;
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
