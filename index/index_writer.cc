#include "index/index_writer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "index/vector_check.h"
#include "kith/base/check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {

IndexWriter::IndexWriter(const IndexOptions& options)
    : options_(options), capacity_(GrowingSegment(options.metric, options.dimension).capacity()) {}

uint32_t IndexWriter::Entry::size() const {
  return sealed != nullptr ? sealed->rows() : growing->size();
}

std::optional<uint32_t> IndexWriter::Entry::SlotOf(uint64_t ordinal) const {
  const uint32_t rows = size();
  const uint32_t slot =
      sealed != nullptr ? sealed->LowerBound(ordinal) : growing->LowerBound(ordinal, rows);
  if (slot == rows) return std::nullopt;
  const uint64_t there = sealed != nullptr ? sealed->Ordinal(slot) : growing->Info(slot).ordinal;
  return there == ordinal ? std::optional(slot) : std::nullopt;
}

uint32_t IndexWriter::Entry::room() const {
  return sealed != nullptr || closed ? 0 : growing->capacity() - growing->size();
}

void IndexWriter::Entry::Close() {
  closed = true;
  if (terms != nullptr) terms->ReleaseSpare();
}

size_t IndexWriter::Entry::memory_bytes() const {
  size_t bytes = deleted.memory_bytes() + metadata.memory_bytes();
  bytes +=
      sealed != nullptr ? sealed->memory_bytes() : sizeof(GrowingSegment) + growing->memory_bytes();
  if (terms != nullptr) bytes += sizeof(GrowingTerms) + terms->memory_bytes();
  return bytes;
}

SegmentView IndexWriter::Entry::View() const {
  return {.growing = growing,
          .sealed = sealed,
          .visible = size(),
          .deleted = deleted,
          .metadata = metadata.runs(),
          .metadata_file = metadata_file,
          .growing_terms = terms};
}

absl::StatusOr<std::unique_ptr<IndexWriter>> IndexWriter::Create(const IndexOptions& options) {
  KITH_RETURN_IF_ERROR(ValidateDimension(options.dimension));
  return std::unique_ptr<IndexWriter>(new IndexWriter(options));
}

IndexWriter::Entry IndexWriter::NewEntry() const {
  Entry entry = {.growing = std::make_shared<GrowingSegment>(options_.metric, options_.dimension)};
  if (options_.companions) entry.terms = std::make_shared<GrowingTerms>();
  return entry;
}

IndexWriter::Entry IndexWriter::SealedEntry(std::shared_ptr<const SealedSegment> sealed,
                                            std::shared_ptr<const SealedMetadata> metadata) const {
  KITH_CHECK((metadata != nullptr) == options_.companions, "segments have all companions or none");
  Entry entry = {.sealed = std::move(sealed)};
  if (metadata != nullptr) entry.metadata = SegmentMetadata(metadata->run());
  entry.metadata_file = std::move(metadata);
  return entry;
}

// Which of the rows go into which segment is not known where they are counted: a segment that some
// of them go into has room for the terms of all. What one that is full does not need is given back.
template <typename Visit>
absl::Status IndexWriter::ForEachRoom(const RowNeeds& needs, const Visit& visit) const {
  uint64_t rows = needs.rows;
  for (size_t i = active_; rows > 0; ++i) {
    const bool is_new = i >= entries_.size();
    const uint32_t room = is_new ? capacity_ : entries_[i].room();
    RowNeeds part = needs;
    part.rows = part.terms.rows = std::min<uint64_t>(rows, room);
    if (part.rows > 0) KITH_RETURN_IF_ERROR(visit(i, part));
    rows -= part.rows;
  }
  return absl::OkStatus();
}

size_t IndexWriter::BytesToReserve(const RowNeeds& needs) const {
  size_t bytes = options_.companions ? needs.metadata_bytes : 0;
  ForEachRoom(needs, [&](size_t i, const RowNeeds& part) {
    if (i < entries_.size()) {
      bytes += entries_[i].BytesToReserve(part);
    } else {
      const Entry next = NewEntry();
      bytes += next.memory_bytes() + next.BytesToReserve(part);
    }
    return absl::OkStatus();
  }).IgnoreError();
  return bytes;
}

size_t IndexWriter::Entry::BytesToReserve(const RowNeeds& needs) const {
  return growing->BytesToReserve(static_cast<uint32_t>(needs.rows)) +
         (terms != nullptr ? terms->BytesToReserve(needs.terms) : 0);
}

absl::Status IndexWriter::Reserve(const RowNeeds& needs) {
  return ForEachRoom(needs, [&](size_t i, const RowNeeds& part) -> absl::Status {
    if (i == entries_.size()) entries_.push_back(NewEntry());
    Entry& entry = entries_[i];
    KITH_RETURN_IF_ERROR(entry.growing->Reserve(static_cast<uint32_t>(part.rows)));
    return entry.terms != nullptr ? entry.terms->Reserve(part.terms) : absl::OkStatus();
  });
}

void IndexWriter::PassFull() {
  for (; active_ < entries_.size() && entries_[active_].room() == 0; ++active_) {
    if (entries_[active_].sealed == nullptr) entries_[active_].Close();
  }
}

void IndexWriter::Append(uint64_t ordinal, uint32_t passage_index, std::span<const float> vector,
                         const RowCompanions& companions) {
  static const RowTerms kNoTerms;
  static const auto kNoMetadata = std::make_shared<const MetadataRow>();
  KITH_CHECK(ordinal >= next_ordinal_, "ordinals ascend");
  KITH_CHECK(options_.companions || (companions.terms == nullptr && companions.metadata == nullptr),
             "an index without companions takes none");
  PassFull();
  KITH_CHECK(active_ < entries_.size(), "Reserve comes first");
  Entry& entry = entries_[active_];
  const uint32_t slot = entry.growing->size();
  entry.growing->Append(ordinal, passage_index, vector);
  if (options_.companions) {
    entry.terms->Append(companions.terms != nullptr ? *companions.terms : kNoTerms);
    entry.metadata.Put(slot, passage_index == 0,
                       companions.metadata != nullptr ? companions.metadata : kNoMetadata,
                       companions.stamp);
  }
  next_ordinal_ = ordinal + 1;
  ++live_rows_;
}

void IndexWriter::CloseGrowing() {
  PassFull();
  if (active_ == entries_.size() || entries_[active_].size() == 0) return;
  entries_[active_].Close();
  ++active_;
}

void IndexWriter::AddSealed(std::shared_ptr<const SealedSegment> segment,
                            std::shared_ptr<const SealedMetadata> metadata) {
  KITH_CHECK(segment->range().begin >= next_ordinal_, "segments are added in ascending order");
  CloseGrowing();
  entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(active_), entries_.end());
  next_ordinal_ = segment->range().end;
  live_rows_ += segment->rows();
  entries_.push_back(SealedEntry(std::move(segment), std::move(metadata)));
  active_ = entries_.size();
}

std::vector<IndexWriter::Entry>::iterator IndexWriter::EntryOf(const SegmentView& view) {
  return std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return view.sealed != nullptr ? entry.sealed == view.sealed : entry.growing == view.growing;
  });
}

void IndexWriter::FlushMetadata() {
  for (Entry& entry : entries_) entry.metadata.Flush();
}

absl::Status IndexWriter::Replace(std::span<const SegmentView> built_from,
                                  std::shared_ptr<const SealedSegment> sealed,
                                  std::shared_ptr<const SealedMetadata> metadata) {
  PassFull();
  FlushMetadata();
  Entry next = {};
  if (sealed != nullptr) next = SealedEntry(std::move(sealed), std::move(metadata));
  auto first = entries_.end();
  auto last = entries_.end();
  uint64_t live = 0;
  slots_.clear();
  for (const SegmentView& view : built_from) {
    const auto entry = EntryOf(view);
    const auto slot_there = [&](uint32_t slot) { return next.SlotOf(view.Ordinal(slot)); };
    const auto drop = [&](uint32_t slot) {
      if (next.sealed == nullptr) return;
      if (const auto there = slot_there(slot)) slots_.push_back(*there);
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
    if (next.sealed != nullptr) {
      next.metadata.CarryOver(entry->metadata, view.metadata, slot_there);
    }
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

bool IndexWriter::ReplaceMetadata(const SegmentView& folded,
                                  std::shared_ptr<const SealedMetadata> metadata) {
  const auto entry = EntryOf(folded);
  if (entry == entries_.end()) return false;
  entry->metadata.Flush();
  SegmentMetadata next(metadata->run());
  next.CarryOver(entry->metadata, folded.metadata,
                 [](uint32_t slot) -> std::optional<uint32_t> { return slot; });
  entry->metadata = std::move(next);
  entry->metadata_file = std::move(metadata);
  return true;
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
  entry->metadata.Flush();
  replayed->FlushMetadata();
  for (Entry& e : replayed->entries_) {
    if (e.sealed == nullptr) e.Close();
    e.metadata.CarryOver(entry->metadata, damaged.metadata,
                         [&](uint32_t slot) { return e.SlotOf(damaged.Ordinal(slot)); });
  }
  active_ += replayed->entries_.size() - 1;
  const auto at = entries_.erase(entry);
  entries_.insert(at, std::make_move_iterator(replayed->entries_.begin()),
                  std::make_move_iterator(replayed->entries_.end()));
  return absl::OkStatus();
}

template <typename Visit>
uint64_t IndexWriter::VisitLive(OrdinalRange range, const Visit& visit) {
  // The first segment that ends within or behind the range.
  auto entry = std::partition_point(entries_.begin(), entries_.end(), [&](const Entry& e) {
    const uint32_t size = e.size();
    return size > 0 && e.View().last_ordinal() < range.begin;
  });
  uint64_t rows = 0;
  for (; entry != entries_.end() && entry->size() > 0; ++entry) {
    const SegmentView segment = entry->View();
    slots_.clear();
    for (uint32_t slot = segment.LowerBound(range.begin);
         slot < segment.visible && segment.Ordinal(slot) < range.end; ++slot) {
      if (!entry->deleted.Contains(slot)) slots_.push_back(slot);
    }
    if (!slots_.empty()) visit(*entry, segment);
    rows += slots_.size();
    if (segment.first_ordinal() >= range.end) break;
  }
  return rows;
}

uint64_t IndexWriter::Delete(OrdinalRange range) {
  const uint64_t deleted = VisitLive(range, [this](Entry& entry, const SegmentView&) {
    entry.deleted = entry.deleted.With(slots_);
  });
  live_rows_ -= deleted;
  return deleted;
}

uint64_t IndexWriter::UpdateMetadata(OrdinalRange range,
                                     const std::shared_ptr<const MetadataRow>& metadata,
                                     uint64_t sequence) {
  KITH_CHECK(options_.companions, "an index without companions has no metadata");
  return VisitLive(range, [&](Entry& entry, const SegmentView& segment) {
    for (const uint32_t slot : slots_) {
      entry.metadata.Put(slot, segment.PassageIndex(slot) == 0, metadata, sequence);
    }
  });
}

IndexView IndexWriter::Publish() {
  PassFull();
  const auto dead = [](const Entry& e) { return e.room() == 0 && e.deleted.count() == e.size(); };
  const auto last = entries_.begin() + static_cast<ptrdiff_t>(active_);
  active_ -= static_cast<size_t>(std::count_if(entries_.begin(), last, dead));
  std::erase_if(entries_, dead);
  FlushMetadata();
  // Reservations are for the worst case: in an index that nothing comes to any more they would be
  // most of what it takes.
  for (size_t i = active_; i < entries_.size(); ++i) {
    if (entries_[i].terms != nullptr) entries_[i].terms->ReleaseSpare();
  }
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
