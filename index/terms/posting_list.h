// PostingList: where a term occurs in one segment, as (slot, tf) pairs in ascending order of slots,
// in blocks of 128 that are coded each on its own. A view into the image of a TermIndex, which has
// checked it. Internal to index/terms/; docs/formats/terms.md says what the bytes mean.
//
// A list of fewer than 128 postings is one block. A longer one has a table of its blocks: the last
// slot of each, so that blocks are skipped, and its Impacts, so that those are skipped, too, which
// hold no row of a score that is wanted ("block-max", Ding & Suel 2011).
//
// Immutable, cheap to copy.

#ifndef KITH_INDEX_TERMS_POSTING_LIST_H_
#define KITH_INDEX_TERMS_POSTING_LIST_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "index/terms/impacts.h"
#include "index/terms/posting_block.h"

namespace kith::index {

class PostingList {
 public:
  // Impacts are also kept for so many blocks together, for lists with very many.
  static constexpr uint32_t kGroupBlocks = 8;

  // Of no postings.
  PostingList() = default;

  // What stands at the beginning of `bytes`. REQUIRES: CheckedSize(bytes, count, ...) gave a size.
  PostingList(const std::byte* bytes, uint32_t count);

  // The size in bytes of the list of `count` postings at the beginning of `bytes`, after looking at
  // all of it: nothing if it is not one that can be read safely, or if a slot is not below `rows`.
  static std::optional<size_t> CheckedSize(std::span<const std::byte> bytes, uint32_t count,
                                           uint32_t rows);

  // What the table of a list of so many postings takes. REQUIRES: count >= kBlockPostings.
  static size_t TableBytes(uint32_t count);

  uint32_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  uint32_t blocks() const { return blocks_; }
  uint32_t block_size(uint32_t block) const {
    const uint32_t left = count_ - block * kBlockPostings;
    return left < kBlockPostings ? left : kBlockPostings;
  }

  // Whether there is a table of blocks; the functions below need one.
  bool has_table() const { return count_ >= kBlockPostings; }
  uint32_t last_slot(uint32_t block) const {
    uint32_t slot;
    std::memcpy(&slot, last_slots_ + size_t{block} * 4, 4);
    return slot;
  }
  const std::byte* impacts(uint32_t block) const { return impacts_ + size_t{block} * kImpactBytes; }
  uint32_t groups() const;
  const std::byte* group_impacts(uint32_t group) const {
    return group_impacts_ + size_t{group} * kImpactBytes;
  }
  // The first block from `from` on that ends at `slot` or after it; blocks() if none does.
  uint32_t BlockOf(uint32_t slot, uint32_t from) const;

  // Writes block_size(block) slots, and as many tfs unless `tfs` is null. REQUIRES: room for
  // kBlockPostings in each.
  void Decode(uint32_t block, uint32_t* slots, uint32_t* tfs) const;

  // The tf of the i-th posting of a block.
  uint32_t Tf(uint32_t block, uint32_t i) const;

 private:
  struct Coded {
    const std::byte* bytes;
    uint32_t base;  // the slot before the first one, plus 1
  };
  Coded At(uint32_t block) const;

  uint32_t count_ = 0;
  uint32_t blocks_ = 0;
  // Sections of the list, all but the last one null without a table.
  const std::byte* last_slots_ = nullptr;     // [blocks] u32
  const std::byte* ends_ = nullptr;           // [blocks] u32: where each ends in coded_
  const std::byte* impacts_ = nullptr;        // [blocks]
  const std::byte* group_impacts_ = nullptr;  // [groups]
  const std::byte* coded_ = nullptr;
};

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_POSTING_LIST_H_
