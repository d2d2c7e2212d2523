// AllowedSlots: which rows of a segment a search may answer with: those that its filter lets
// through, without the deleted and the excluded. Internal to index/.
//
// Borrows what it is made of. Thread-safe: immutable.

#ifndef KITH_INDEX_ALLOWED_SLOTS_H_
#define KITH_INDEX_ALLOWED_SLOTS_H_

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "index/index_view.h"
#include "index/slot_set.h"

namespace kith::index {

class AllowedSlots {
 public:
  // `filter` may be null: all rows. Costs a step for each excluded row, and a pass over the
  // filter's words where the segment has deletes.
  AllowedSlots(const SegmentView& segment, const SlotSet* filter,
               std::span<const OrdinalRange> exclude)
      : visible_(segment.visible), deleted_(&segment.deleted), filter_(filter) {
    count_ = filter == nullptr ? segment.live_rows() : filter->count();
    if (filter != nullptr) count_ -= segment.deleted.CountIn(filter->words());
    for (const OrdinalRange& range : exclude) {
      const uint32_t begin = segment.LowerBound(range.begin);
      const uint32_t end = range.begin < range.end ? segment.LowerBound(range.end) : begin;
      // Counted before it is added, so that ranges may overlap.
      for (uint32_t slot = begin; slot < end; ++slot) count_ -= (*this)(slot) ? 1 : 0;
      if (begin < end) excluded_.push_back({begin, end});
    }
  }

  bool operator()(uint32_t slot) const {
    return (filter_ == nullptr || filter_->Contains(slot)) && IsLive(slot);
  }

  // The first allowed slot that is not below `slot`, or `visible`.
  uint32_t Next(uint32_t slot) const {
    for (; slot < visible_; ++slot) {
      if (filter_ != nullptr) slot = filter_->NextAllowed(slot);
      if (slot < visible_ && IsLive(slot)) return slot;
    }
    return visible_;
  }

  // Calls visit(slot) for each of them, ascending.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    if (filter_ == nullptr) {
      for (uint32_t slot = 0; slot < visible_; ++slot) {
        if (IsLive(slot)) visit(slot);
      }
      return;
    }
    filter_->ForEach([&](uint32_t slot) {
      if (IsLive(slot)) visit(slot);
    });
  }

  // Bit s % 64 of Word(s / 64) is set if slot s is allowed. REQUIRES: filtered(); w * 64 < visible.
  uint64_t Word(uint32_t w) const {
    uint64_t word = filter_->words()[w];
    if (deleted_->empty() && excluded_.empty()) return word;
    for (uint64_t bits = word; bits != 0; bits &= bits - 1) {
      const auto bit = static_cast<uint32_t>(std::countr_zero(bits));
      if (!IsLive(w * 64 + bit)) word &= ~(uint64_t{1} << bit);
    }
    return word;
  }

  // The filter, where it alone decides; otherwise null.
  const SlotSet* filter_alone() const {
    return deleted_->empty() && excluded_.empty() ? filter_ : nullptr;
  }

  uint32_t count() const { return count_; }
  bool filtered() const { return filter_ != nullptr; }
  bool all() const { return filter_ == nullptr && deleted_->empty() && excluded_.empty(); }

 private:
  struct Slots {
    uint32_t begin;
    uint32_t end;
  };

  bool IsLive(uint32_t slot) const {
    if (deleted_->Contains(slot)) return false;
    for (const Slots& slots : excluded_) {
      if (slots.begin <= slot && slot < slots.end) return false;
    }
    return true;
  }

  uint32_t visible_;
  const DeleteSet* deleted_;
  const SlotSet* filter_;
  std::vector<Slots> excluded_;
  uint32_t count_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_ALLOWED_SLOTS_H_
