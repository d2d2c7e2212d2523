#include "index/index_view.h"

#include <algorithm>

#include "kith/base/status_macros.h"

namespace kith::index {

uint64_t SegmentView::Ordinal(uint32_t slot) const {
  return sealed != nullptr ? sealed->Ordinal(slot) : growing->Info(slot).ordinal;
}

uint32_t SegmentView::PassageIndex(uint32_t slot) const {
  return sealed != nullptr ? sealed->PassageIndex(slot) : growing->Info(slot).passage_index;
}

uint32_t SegmentView::LowerBound(uint64_t ordinal) const {
  return sealed != nullptr ? sealed->LowerBound(ordinal) : growing->LowerBound(ordinal, visible);
}

TermSource SegmentView::terms() const {
  if (sealed != nullptr) return {.sealed = sealed->terms()};
  return {.growing = growing_terms.get(), .visible = visible};
}

bool SegmentView::damaged() const {
  if (sealed == nullptr) return false;
  return sealed->damaged() || (metadata_file != nullptr && metadata_file->damaged());
}

absl::Status SegmentView::VerifyAll(const Call& call) const {
  if (sealed == nullptr) return absl::OkStatus();
  KITH_RETURN_IF_ERROR(sealed->VerifyAll(call));
  return metadata_file == nullptr ? absl::OkStatus() : metadata_file->VerifyAll(call);
}

IndexView::IndexView(const IndexOptions& options, std::vector<SegmentView> segments,
                     size_t memory_bytes) {
  auto state = std::make_shared<State>();
  state->options = options;
  state->segments = std::move(segments);
  for (const SegmentView& segment : state->segments) state->live_rows += segment.live_rows();
  state->memory_bytes = memory_bytes;
  state_ = std::move(state);
}

std::optional<RowPlace> IndexView::Find(uint64_t ordinal) const {
  const std::span<const SegmentView> all = segments();
  // The last segment that begins at or before the ordinal.
  const auto after = std::upper_bound(
      all.begin(), all.end(), ordinal,
      [](uint64_t o, const SegmentView& segment) { return o < segment.first_ordinal(); });
  if (after == all.begin()) return std::nullopt;
  const SegmentView& found = *(after - 1);
  const uint32_t slot = found.LowerBound(ordinal);
  if (slot == found.visible || found.Ordinal(slot) != ordinal || found.deleted.Contains(slot)) {
    return std::nullopt;
  }
  return RowPlace{static_cast<uint32_t>(after - 1 - all.begin()), slot};
}

}  // namespace kith::index
