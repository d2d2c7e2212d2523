// DeleteSet: which slots of a segment are deleted; an immutable value, cheap to copy. A new set
// shares all pages with the old one but those that it changes, so a View keeps the deletes of its
// own time while the writer goes on.
//
// Thread-safe: immutable.

#ifndef KITH_INDEX_DELETE_SET_H_
#define KITH_INDEX_DELETE_SET_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace kith::index {

class DeleteSet {
 public:
  static constexpr uint32_t kPageBits = 4096;

  // The empty set; takes no memory.
  DeleteSet() = default;

  // This set and `slots` (in any order, repeats allowed). Copies the pages that they fall on.
  DeleteSet With(std::span<const uint32_t> slots) const;

  bool Contains(uint32_t slot) const {
    if (root_ == nullptr) return false;
    const uint32_t page = slot / kPageBits;
    if (page >= root_->pages.size() || root_->pages[page] == nullptr) return false;
    const uint32_t bit = slot % kPageBits;
    return ((*root_->pages[page])[bit / 64] >> (bit % 64)) & 1;
  }

  // Calls visit(slot), ascending, for the slots that are here and not in `other`. Pages that the
  // two share, as one made of the other by With does, cost nothing.
  template <typename Visit>
  void ForEachBeyond(const DeleteSet& other, const Visit& visit) const {
    if (root_ == nullptr) return;
    static const Page kNone = {};
    for (size_t p = 0; p < root_->pages.size(); ++p) {
      const Page* mine = root_->pages[p].get();
      const bool there = other.root_ != nullptr && p < other.root_->pages.size();
      const Page* others = there ? other.root_->pages[p].get() : nullptr;
      if (mine == nullptr || mine == others) continue;
      if (others == nullptr) others = &kNone;
      for (size_t w = 0; w < mine->size(); ++w) {
        for (uint64_t bits = (*mine)[w] & ~(*others)[w]; bits != 0; bits &= bits - 1) {
          visit(static_cast<uint32_t>(p * kPageBits + w * 64) +
                static_cast<uint32_t>(std::countr_zero(bits)));
        }
      }
    }
  }

  // How many of the slots whose bits are set in `words` (slot s: bit s % 64 of words[s / 64]) are
  // here. A few microseconds for 100,000 slots.
  uint32_t CountIn(std::span<const uint64_t> words) const {
    if (root_ == nullptr) return 0;
    uint32_t count = 0;
    for (size_t p = 0; p < root_->pages.size(); ++p) {
      const Page* page = root_->pages[p].get();
      if (page == nullptr) continue;
      const size_t first = p * page->size();
      for (size_t w = 0; w < page->size() && first + w < words.size(); ++w) {
        count += static_cast<uint32_t>(std::popcount((*page)[w] & words[first + w]));
      }
    }
    return count;
  }

  uint32_t count() const { return root_ == nullptr ? 0 : root_->count; }
  bool empty() const { return root_ == nullptr; }

  // Of all pages, shared ones too.
  size_t memory_bytes() const;

 private:
  using Page = std::array<uint64_t, kPageBits / 64>;
  struct Root {
    uint32_t count = 0;
    std::vector<std::shared_ptr<const Page>> pages;  // null: nothing deleted there
  };

  std::shared_ptr<const Root> root_;  // null: empty
};

}  // namespace kith::index

#endif  // KITH_INDEX_DELETE_SET_H_
