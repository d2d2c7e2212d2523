// SlotSet: some of the slots [0, size) of one segment, as a bitmap. What a filter becomes before a
// search looks at vectors or terms; made by index/metadata/evaluate.h, taken by search.h and
// terms/term_search.h.
//
// Dense: size / 8 bytes whatever the count, so that asking for one slot is one load and the walk of
// a graph may ask for each node that it meets.
//
// Thread-safe: immutable once made (only a move leaves another set behind: that of no slots).

#ifndef KITH_INDEX_SLOT_SET_H_
#define KITH_INDEX_SLOT_SET_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "index/delete_set.h"
#include "kith/base/check.h"

namespace kith::index {

class SlotSet {
 public:
  // Of a segment without slots.
  SlotSet() = default;

  // The slots whose bits are set: slot s is bit s % 64 of words[s / 64]. REQUIRES: WordsFor(size)
  // words; no bit from `size` on is set.
  SlotSet(uint32_t size, std::vector<uint64_t> words) : size_(size), words_(std::move(words)) {
    KITH_CHECK(words_.size() == WordsFor(size_), "a set has a bit for each slot");
    KITH_CHECK(size_ % 64 == 0 || words_.back() >> (size_ % 64) == 0, "no bit is beyond the size");
    for (const uint64_t word : words_) count_ += static_cast<uint32_t>(std::popcount(word));
  }

  SlotSet(const SlotSet&) = default;
  SlotSet& operator=(const SlotSet&) = default;
  SlotSet(SlotSet&& other) noexcept
      : size_(std::exchange(other.size_, 0)),
        count_(std::exchange(other.count_, 0)),
        words_(std::exchange(other.words_, {})) {}
  SlotSet& operator=(SlotSet&& other) noexcept {
    size_ = std::exchange(other.size_, 0);
    count_ = std::exchange(other.count_, 0);
    words_ = std::exchange(other.words_, {});
    return *this;
  }

  static SlotSet None(uint32_t size) { return {size, std::vector<uint64_t>(WordsFor(size))}; }

  static SlotSet All(uint32_t size) {
    std::vector<uint64_t> words(WordsFor(size), ~uint64_t{0});
    if (size % 64 != 0) words.back() = (uint64_t{1} << (size % 64)) - 1;
    return {size, std::move(words)};
  }

  // The slots given, in any order, repeats allowed. REQUIRES: each is below `size`.
  static SlotSet Of(uint32_t size, std::span<const uint32_t> slots) {
    std::vector<uint64_t> words(WordsFor(size));
    for (const uint32_t slot : slots) {
      KITH_CHECK(slot < size, "a set has slots of its segment alone");
      words[slot / 64] |= uint64_t{1} << (slot % 64);
    }
    return {size, std::move(words)};
  }

  // This set without what is deleted. A copy of the words, and one step a deleted slot.
  SlotSet AndNot(const DeleteSet& deleted) const {
    std::vector<uint64_t> words = words_;
    deleted.ForEachBeyond(DeleteSet(), [&](uint32_t slot) {
      if (slot < size_) words[slot / 64] &= ~(uint64_t{1} << (slot % 64));
    });
    return {size_, std::move(words)};
  }

  uint32_t size() const { return size_; }    // slots of the segment, in the set or not
  uint32_t count() const { return count_; }  // slots in the set; constant time
  bool empty() const { return count_ == 0; }

  // REQUIRES: slot < size().
  bool Contains(uint32_t slot) const { return (words_[slot / 64] >> (slot % 64)) & 1; }

  // The first slot of the set that is not below `slot`, or size().
  //
  //   for (uint32_t s = set.NextAllowed(0); s < set.size(); s = set.NextAllowed(s + 1)) Use(s);
  uint32_t NextAllowed(uint32_t slot) const {
    if (slot >= size_) return size_;
    size_t w = slot / 64;
    uint64_t bits = words_[w] & (~uint64_t{0} << (slot % 64));
    while (bits == 0) {
      if (++w == words_.size()) return size_;
      bits = words_[w];
    }
    return static_cast<uint32_t>(w * 64) + static_cast<uint32_t>(std::countr_zero(bits));
  }

  // Calls visit(slot) for each slot of the set, ascending.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (size_t w = 0; w < words_.size(); ++w) {
      for (uint64_t bits = words_[w]; bits != 0; bits &= bits - 1) {
        visit(static_cast<uint32_t>(w * 64) + static_cast<uint32_t>(std::countr_zero(bits)));
      }
    }
  }

  std::span<const uint64_t> words() const { return words_; }
  size_t memory_bytes() const { return words_.capacity() * sizeof(words_[0]); }

  static constexpr size_t WordsFor(uint32_t size) { return size / 64 + (size % 64 != 0 ? 1 : 0); }

  friend bool operator==(const SlotSet&, const SlotSet&) = default;

 private:
  uint32_t size_ = 0;
  uint32_t count_ = 0;
  std::vector<uint64_t> words_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_SLOT_SET_H_
