#include "index/segment_metadata.h"

#include <algorithm>
#include <utility>

#include "index/metadata/metadata_builder.h"

namespace kith::index {
namespace {

uint64_t NewestStamp(const MetadataRuns& runs) {
  uint64_t stamp = 0;
  for (const MetadataRuns::Run& run : runs.runs()) stamp = std::max(stamp, run->stamp());
  return stamp;
}

bool Has(const MetadataRuns& runs, const MetadataRuns::Run& run) {
  const auto all = runs.runs();
  return std::find(all.begin(), all.end(), run) != all.end();
}

}  // namespace

void SegmentMetadata::Put(uint32_t slot, bool head, std::shared_ptr<const MetadataRow> row,
                          uint64_t stamp) {
  ascending_ = ascending_ && (pending_.empty() || pending_.back().slot < slot);
  pending_.push_back({slot, head, std::move(row)});
  stamp_ = std::max(stamp_, stamp);
}

void SegmentMetadata::Flush() {
  if (pending_.empty()) return;
  if (!ascending_) {
    std::stable_sort(pending_.begin(), pending_.end(),
                     [](const Pending& a, const Pending& b) { return a.slot < b.slot; });
    // Of those with the same slot the last one stays.
    auto out = pending_.begin();
    for (auto it = pending_.begin(); it != pending_.end(); ++it) {
      if (std::next(it) != pending_.end() && std::next(it)->slot == it->slot) continue;
      if (out != it) *out = std::move(*it);
      ++out;
    }
    pending_.erase(out, pending_.end());
  }
  MetadataBuilder builder(stamp_);
  for (size_t i = 0; i < pending_.size();) {
    const Pending& first = pending_[i];
    size_t end = i + 1;
    while (first.head && end < pending_.size() && !pending_[end].head &&
           pending_[end].row == first.row && pending_[end].slot == first.slot + (end - i)) {
      ++end;
    }
    if (first.head) {
      builder.AddDocument(first.slot, static_cast<uint32_t>(end - i), *first.row);
    } else {
      builder.Add(first.slot, false, *first.row);
    }
    i = end;
  }
  runs_ = runs_.With(builder.Build());
  pending_.clear();
  ascending_ = true;
  stamp_ = 0;
}

void SegmentMetadata::CarryOver(const SegmentMetadata& from, const MetadataRuns& captured,
                                const RenameSlot& rename) {
  // Whoever captured saw every update up to the newest that it has.
  const uint64_t seen = NewestStamp(captured);
  for (const MetadataRuns::Run& run : from.runs_.runs()) {
    if (run->stamp() <= seen || Has(captured, run)) continue;
    if (auto renamed = RenameSlots(*run, rename); renamed != nullptr) {
      runs_ = runs_.With(std::move(renamed));
    }
  }
}

}  // namespace kith::index
