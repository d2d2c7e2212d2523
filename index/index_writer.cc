#include "index/index_writer.h"

#include <algorithm>
#include <utility>

#include "index/vector_check.h"
#include "kith/base/check.h"
#include "kith/base/status_macros.h"

namespace kith::index {

absl::StatusOr<std::unique_ptr<IndexWriter>> IndexWriter::Create(const IndexOptions& options) {
  KITH_RETURN_IF_ERROR(ValidateDimension(options.dimension));
  return std::unique_ptr<IndexWriter>(new IndexWriter(options));
}

size_t IndexWriter::BytesToReserve(uint64_t rows) const {
  size_t bytes = 0;
  for (size_t i = active_; i < entries_.size() && rows > 0; ++i) {
    const GrowingSegment& segment = *entries_[i].segment;
    const uint64_t taken = std::min<uint64_t>(rows, segment.capacity() - segment.size());
    bytes += segment.BytesToReserve(static_cast<uint32_t>(taken));
    rows -= taken;
  }
  if (rows > 0) {
    const GrowingSegment next(options_.metric, options_.dimension);
    const uint64_t full = rows / next.capacity();
    const uint32_t rest = static_cast<uint32_t>(rows % next.capacity());
    bytes += full * (sizeof(GrowingSegment) + next.BytesToReserve(next.capacity()));
    if (rest > 0) bytes += sizeof(GrowingSegment) + next.BytesToReserve(rest);
  }
  return bytes;
}

absl::Status IndexWriter::Reserve(uint64_t rows) {
  for (size_t i = active_; rows > 0; ++i) {
    if (i == entries_.size()) {
      entries_.push_back(
          {std::make_shared<GrowingSegment>(options_.metric, options_.dimension), {}});
    }
    GrowingSegment& segment = *entries_[i].segment;
    const uint64_t taken = std::min<uint64_t>(rows, segment.capacity() - segment.size());
    KITH_RETURN_IF_ERROR(segment.Reserve(static_cast<uint32_t>(taken)));
    rows -= taken;
  }
  return absl::OkStatus();
}

void IndexWriter::Append(uint64_t ordinal, uint32_t passage_index, std::span<const float> vector) {
  KITH_CHECK(ordinal >= next_ordinal_, "ordinals ascend");
  while (active_ < entries_.size() &&
         entries_[active_].segment->size() == entries_[active_].segment->capacity()) {
    ++active_;
  }
  KITH_CHECK(active_ < entries_.size(), "Reserve comes first");
  entries_[active_].segment->Append(ordinal, passage_index, vector);
  next_ordinal_ = ordinal + 1;
  ++live_rows_;
}

uint64_t IndexWriter::Delete(OrdinalRange range) {
  // The first segment that ends within or behind the range.
  auto entry = std::partition_point(entries_.begin(), entries_.end(), [&](const Entry& e) {
    const uint32_t size = e.segment->size();
    return size > 0 && e.segment->Info(size - 1).ordinal < range.begin;
  });
  uint64_t deleted = 0;
  for (; entry != entries_.end() && entry->segment->size() > 0; ++entry) {
    const GrowingSegment& segment = *entry->segment;
    slots_.clear();
    for (uint32_t slot = segment.LowerBound(range.begin, segment.size());
         slot < segment.size() && segment.Info(slot).ordinal < range.end; ++slot) {
      if (!entry->deleted.Contains(slot)) slots_.push_back(slot);
    }
    entry->deleted = entry->deleted.With(slots_);
    deleted += slots_.size();
    if (segment.Info(0).ordinal >= range.end) break;
  }
  live_rows_ -= deleted;
  return deleted;
}

IndexView IndexWriter::Publish() {
  const auto dead = [](const Entry& e) {
    return e.segment->size() == e.segment->capacity() && e.deleted.count() == e.segment->capacity();
  };
  const auto last = entries_.begin() + static_cast<ptrdiff_t>(active_);
  active_ -= static_cast<size_t>(std::count_if(entries_.begin(), last, dead));
  std::erase_if(entries_, dead);
  std::vector<SegmentView> segments;
  segments.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    const uint32_t visible = entry.segment->size();
    if (visible > 0) segments.push_back({entry.segment, visible, entry.deleted});
  }
  return IndexView(options_, std::move(segments), memory_bytes());
}

size_t IndexWriter::memory_bytes() const {
  size_t bytes = 0;
  for (const Entry& entry : entries_) {
    bytes += sizeof(GrowingSegment) + entry.segment->memory_bytes() + entry.deleted.memory_bytes();
  }
  return bytes;
}

}  // namespace kith::index
