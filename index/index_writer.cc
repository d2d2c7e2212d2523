#include "index/index_writer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "index/vector_check.h"
#include "kith/base/check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {

uint32_t IndexWriter::Entry::size() const {
  return sealed != nullptr ? sealed->rows() : growing->size();
}

uint32_t IndexWriter::Entry::room() const {
  return sealed != nullptr || closed ? 0 : growing->capacity() - growing->size();
}

size_t IndexWriter::Entry::memory_bytes() const {
  const size_t rows =
      sealed != nullptr ? sealed->memory_bytes() : sizeof(GrowingSegment) + growing->memory_bytes();
  return rows + deleted.memory_bytes();
}

SegmentView IndexWriter::Entry::View() const { return {growing, sealed, size(), deleted}; }

absl::StatusOr<std::unique_ptr<IndexWriter>> IndexWriter::Create(const IndexOptions& options) {
  KITH_RETURN_IF_ERROR(ValidateDimension(options.dimension));
  return std::unique_ptr<IndexWriter>(new IndexWriter(options));
}

size_t IndexWriter::BytesToReserve(uint64_t rows) const {
  size_t bytes = 0;
  for (size_t i = active_; i < entries_.size() && rows > 0; ++i) {
    const uint32_t taken = static_cast<uint32_t>(std::min<uint64_t>(rows, entries_[i].room()));
    if (taken > 0) bytes += entries_[i].growing->BytesToReserve(taken);
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
          {.growing = std::make_shared<GrowingSegment>(options_.metric, options_.dimension)});
    }
    const uint32_t taken = static_cast<uint32_t>(std::min<uint64_t>(rows, entries_[i].room()));
    if (taken > 0) KITH_RETURN_IF_ERROR(entries_[i].growing->Reserve(taken));
    rows -= taken;
  }
  return absl::OkStatus();
}

void IndexWriter::PassFull() {
  while (active_ < entries_.size() && entries_[active_].room() == 0) ++active_;
}

void IndexWriter::Append(uint64_t ordinal, uint32_t passage_index, std::span<const float> vector) {
  KITH_CHECK(ordinal >= next_ordinal_, "ordinals ascend");
  PassFull();
  KITH_CHECK(active_ < entries_.size(), "Reserve comes first");
  entries_[active_].growing->Append(ordinal, passage_index, vector);
  next_ordinal_ = ordinal + 1;
  ++live_rows_;
}

void IndexWriter::CloseGrowing() {
  PassFull();
  if (active_ == entries_.size() || entries_[active_].size() == 0) return;
  entries_[active_].closed = true;
  ++active_;
}

void IndexWriter::AddSealed(std::shared_ptr<const SealedSegment> segment) {
  KITH_CHECK(segment->range().begin >= next_ordinal_, "segments are added in ascending order");
  CloseGrowing();
  entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(active_), entries_.end());
  next_ordinal_ = segment->range().end;
  live_rows_ += segment->rows();
  entries_.push_back({.sealed = std::move(segment)});
  active_ = entries_.size();
}

std::vector<IndexWriter::Entry>::iterator IndexWriter::EntryOf(const SegmentView& view) {
  return std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return view.sealed != nullptr ? entry.sealed == view.sealed : entry.growing == view.growing;
  });
}

absl::Status IndexWriter::Replace(std::span<const SegmentView> built_from,
                                  std::shared_ptr<const SealedSegment> sealed) {
  PassFull();
  Entry next = {.sealed = std::move(sealed)};
  auto first = entries_.end();
  auto last = entries_.end();
  uint64_t live = 0;
  slots_.clear();
  for (const SegmentView& view : built_from) {
    const auto entry = EntryOf(view);
    const auto drop = [&](uint32_t slot) {
      if (next.sealed == nullptr) return;
      const uint64_t ordinal = view.Ordinal(slot);
      const uint32_t there = next.sealed->LowerBound(ordinal);
      if (there < next.sealed->rows() && next.sealed->Ordinal(there) == ordinal) {
        slots_.push_back(there);
      }
    };
    if (entry == entries_.end()) {  // let go by Publish: nothing in it was live any more
      for (uint32_t slot = 0; slot < view.visible; ++slot) {
        if (!view.deleted.Contains(slot)) drop(slot);
      }
      continue;
    }
    KITH_CHECK(entry->room() == 0 && entry->size() == view.visible,
               "what is built from takes no rows any more");
    KITH_CHECK(first == entries_.end() || entry == last, "what is built from is adjacent");
    if (first == entries_.end()) first = entry;
    last = entry + 1;
    entry->deleted.ForEachBeyond(view.deleted, drop);
    live += entry->size() - entry->deleted.count();
  }
  next.deleted = next.deleted.With(slots_);
  const uint64_t found = next.sealed == nullptr ? 0 : next.sealed->rows() - next.deleted.count();
  if (found != live) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                 "a sealed segment shows {} live rows, those that it was built from show {}", found,
                 live);
  }
  if (first == entries_.end()) return absl::OkStatus();
  active_ -= static_cast<size_t>(last - first);
  const auto at = entries_.erase(first, last);
  if (next.sealed != nullptr) {
    entries_.insert(at, std::move(next));
    ++active_;
  }
  return absl::OkStatus();
}

absl::Status IndexWriter::ReplaceByRows(const SegmentView& damaged,
                                        std::unique_ptr<IndexWriter> replayed) {
  PassFull();
  const auto entry = EntryOf(damaged);
  if (entry == entries_.end()) return absl::OkStatus();  // let go since
  KITH_CHECK(entry->room() == 0, "a segment that takes rows is not replaced");
  OrdinalRange run;  // neighbours are deleted at one go
  entry->deleted.ForEachBeyond({}, [&](uint32_t slot) {
    const uint64_t ordinal = damaged.Ordinal(slot);
    if (ordinal != run.end) {
      replayed->Delete(run);
      run.begin = ordinal;
    }
    run.end = ordinal + 1;
  });
  replayed->Delete(run);
  const uint64_t live = entry->size() - entry->deleted.count();
  if (replayed->live_rows() != live) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                 "{} live rows were replayed for a segment that has {}", replayed->live_rows(),
                 live);
  }
  std::erase_if(replayed->entries_, [](const Entry& e) { return e.size() == 0; });
  for (Entry& e : replayed->entries_) e.closed = true;
  active_ += replayed->entries_.size() - 1;
  const auto at = entries_.erase(entry);
  entries_.insert(at, std::make_move_iterator(replayed->entries_.begin()),
                  std::make_move_iterator(replayed->entries_.end()));
  return absl::OkStatus();
}

uint64_t IndexWriter::Delete(OrdinalRange range) {
  // The first segment that ends within or behind the range.
  auto entry = std::partition_point(entries_.begin(), entries_.end(), [&](const Entry& e) {
    const uint32_t size = e.size();
    return size > 0 && e.View().last_ordinal() < range.begin;
  });
  uint64_t deleted = 0;
  for (; entry != entries_.end() && entry->size() > 0; ++entry) {
    const SegmentView segment = entry->View();
    slots_.clear();
    for (uint32_t slot = segment.LowerBound(range.begin);
         slot < segment.visible && segment.Ordinal(slot) < range.end; ++slot) {
      if (!entry->deleted.Contains(slot)) slots_.push_back(slot);
    }
    entry->deleted = entry->deleted.With(slots_);
    deleted += slots_.size();
    if (segment.first_ordinal() >= range.end) break;
  }
  live_rows_ -= deleted;
  return deleted;
}

IndexView IndexWriter::Publish() {
  PassFull();
  const auto dead = [](const Entry& e) { return e.room() == 0 && e.deleted.count() == e.size(); };
  const auto last = entries_.begin() + static_cast<ptrdiff_t>(active_);
  active_ -= static_cast<size_t>(std::count_if(entries_.begin(), last, dead));
  std::erase_if(entries_, dead);
  std::vector<SegmentView> segments;
  segments.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    if (entry.size() > 0) segments.push_back(entry.View());
  }
  return IndexView(options_, std::move(segments), memory_bytes());
}

size_t IndexWriter::memory_bytes() const {
  size_t bytes = 0;
  for (const Entry& entry : entries_) bytes += entry.memory_bytes();
  return bytes;
}

}  // namespace kith::index
