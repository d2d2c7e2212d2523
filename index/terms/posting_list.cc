#include "index/terms/posting_list.h"

#include <algorithm>
#include <array>

namespace kith::index {
namespace {

uint32_t LoadU32(const std::byte* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

constexpr uint32_t BlocksOf(uint32_t count) {
  return count / kBlockPostings + (count % kBlockPostings != 0 ? 1 : 0);
}

constexpr uint32_t GroupsOf(uint32_t blocks) {
  return (blocks + PostingList::kGroupBlocks - 1) / PostingList::kGroupBlocks;
}

}  // namespace

size_t PostingList::TableBytes(uint32_t count) {
  const uint32_t blocks = BlocksOf(count);
  return size_t{blocks} * (8 + kImpactBytes) + size_t{GroupsOf(blocks)} * kImpactBytes;
}

PostingList::PostingList(const std::byte* bytes, uint32_t count)
    : count_(count), blocks_(BlocksOf(count)), coded_(bytes) {
  if (!has_table()) return;
  last_slots_ = bytes;
  ends_ = last_slots_ + size_t{4} * blocks_;
  impacts_ = ends_ + size_t{4} * blocks_;
  group_impacts_ = impacts_ + kImpactBytes * blocks_;
  coded_ = bytes + TableBytes(count);
}

std::optional<size_t> PostingList::CheckedSize(std::span<const std::byte> bytes, uint32_t count,
                                               uint32_t rows) {
  if (count == 0 || count > rows) return std::nullopt;
  std::array<uint32_t, kBlockPostings> slots;
  std::array<uint32_t, kBlockPostings> tfs;
  const bool table = count >= kBlockPostings;
  const size_t table_bytes = table ? TableBytes(count) : 0;
  if (bytes.size() < table_bytes) return std::nullopt;
  const PostingList list(bytes.data(), count);
  const std::span<const std::byte> coded = bytes.subspan(table_bytes);
  size_t at = 0;
  uint32_t base = 0;
  for (uint32_t block = 0; block < list.blocks(); ++block) {
    const uint32_t size = list.block_size(block);
    const std::byte* end =
        DecodeUntrusted(coded.subspan(at), base, size, rows, slots.data(), tfs.data());
    if (end == nullptr) return std::nullopt;
    at = static_cast<size_t>(end - coded.data());
    base = slots[size - 1] + 1;
    if (!table) continue;
    if (list.last_slot(block) != slots[size - 1] || LoadU32(list.ends_ + size_t{4} * block) != at) {
      return std::nullopt;
    }
  }
  return table_bytes + at;
}

uint32_t PostingList::groups() const { return GroupsOf(blocks_); }

uint32_t PostingList::BlockOf(uint32_t slot, uint32_t from) const {
  // Mostly the next one or the one after.
  for (uint32_t near = from + 4; from < near; ++from) {
    if (from >= blocks_ || last_slot(from) >= slot) return from;
  }
  uint32_t end = blocks_;
  while (from < end) {
    const uint32_t middle = from + (end - from) / 2;
    if (last_slot(middle) < slot) {
      from = middle + 1;
    } else {
      end = middle;
    }
  }
  return from;
}

PostingList::Coded PostingList::At(uint32_t block) const {
  if (block == 0) return {coded_, 0};
  return {coded_ + LoadU32(ends_ + size_t{4} * (block - 1)), last_slot(block - 1) + 1};
}

void PostingList::Decode(uint32_t block, uint32_t* slots, uint32_t* tfs) const {
  const Coded coded = At(block);
  const uint32_t size = block_size(block);
  if (size == kBlockPostings) {
    DecodeFullBlock(coded.bytes, coded.base, slots, tfs);
  } else {
    DecodeTail(coded.bytes, coded.base, size, slots, tfs);
  }
}

uint32_t PostingList::Tf(uint32_t block, uint32_t i) const {
  const Coded coded = At(block);
  if (block_size(block) == kBlockPostings) return FullBlockTf(coded.bytes, i);
  std::array<uint32_t, kBlockPostings> slots;
  std::array<uint32_t, kBlockPostings> tfs;
  DecodeTail(coded.bytes, coded.base, i + 1, slots.data(), tfs.data());
  return tfs[i];
}

}  // namespace kith::index
