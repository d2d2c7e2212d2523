#include "index/metadata/row_set.h"

#include <algorithm>
#include <bit>

namespace kith::index {
namespace {

constexpr size_t Groups(uint32_t rows, uint32_t group_words) {
  return (SlotSet::WordsFor(rows) + group_words - 1) / group_words;
}

}  // namespace

size_t RowSet::BytesOf(Form form, uint32_t rows, uint32_t count) {
  if (form == Form::kAll) return 0;
  if (form == Form::kList) return sizeof(uint32_t) * size_t{count};
  return sizeof(uint64_t) * SlotSet::WordsFor(rows) + sizeof(uint32_t) * Groups(rows, kGroupWords);
}

std::optional<RowSet> RowSet::Over(Form form, uint32_t rows, uint32_t count,
                                   const std::byte* bytes) {
  RowSet set;
  set.form_ = form;
  set.rows_ = rows;
  set.count_ = count;
  set.bytes_ = bytes;
  if (form == Form::kAll) return count == rows ? std::optional(set) : std::nullopt;
  if (count > rows) return std::nullopt;
  if (form == Form::kList) {
    for (uint32_t i = 0; i < count; ++i) {
      const auto row = LoadAt<uint32_t>(bytes, i);
      if (row >= rows || (i > 0 && row <= LoadAt<uint32_t>(bytes, i - 1))) return std::nullopt;
    }
    return set;
  }
  if (form != Form::kBitmap) return std::nullopt;
  const auto words = static_cast<uint32_t>(SlotSet::WordsFor(rows));
  const std::byte* ranks = bytes + sizeof(uint64_t) * words;
  uint64_t before = 0;
  for (uint32_t w = 0; w < words; ++w) {
    if (w % kGroupWords == 0 && LoadAt<uint32_t>(ranks, w / kGroupWords) != before) {
      return std::nullopt;
    }
    before += static_cast<uint64_t>(std::popcount(LoadAt<uint64_t>(bytes, w)));
  }
  const bool beyond = rows % 64 != 0 && LoadAt<uint64_t>(bytes, words - 1) >> (rows % 64) != 0;
  if (beyond || before != count) return std::nullopt;
  return set;
}

RowSet::Form RowSet::Append(std::string& out, uint32_t rows, std::span<const uint32_t> members) {
  const auto count = static_cast<uint32_t>(members.size());
  if (count == rows) return Form::kAll;
  if (BytesOf(Form::kList, rows, count) <= BytesOf(Form::kBitmap, rows, count)) {
    PutPacked(out, members, sizeof(uint32_t));
    return Form::kList;
  }
  Bits bits = NoBits(rows);
  for (const uint32_t row : members) SetBit(bits, row);
  PutPacked<uint64_t>(out, bits, sizeof(uint64_t));
  uint32_t before = 0;
  for (size_t w = 0; w < bits.size(); ++w) {
    if (w % kGroupWords == 0) PutRaw(out, before);
    before += static_cast<uint32_t>(std::popcount(bits[w]));
  }
  return Form::kBitmap;
}

std::optional<uint32_t> RowSet::Rank(uint32_t row) const {
  if (row >= rows_) return std::nullopt;
  if (form_ == Form::kAll) return row;
  if (form_ == Form::kList) {
    uint32_t begin = 0, end = count_;
    while (begin < end) {
      const uint32_t middle = begin + (end - begin) / 2;
      if (LoadAt<uint32_t>(bytes_, middle) < row) {
        begin = middle + 1;
      } else {
        end = middle;
      }
    }
    if (begin == count_ || LoadAt<uint32_t>(bytes_, begin) != row) return std::nullopt;
    return begin;
  }
  const uint32_t w = row / 64;
  const auto word = LoadAt<uint64_t>(bytes_, w);
  const uint64_t bit = uint64_t{1} << (row % 64);
  if ((word & bit) == 0) return std::nullopt;
  const std::byte* ranks = bytes_ + sizeof(uint64_t) * SlotSet::WordsFor(rows_);
  uint32_t rank = LoadAt<uint32_t>(ranks, w / kGroupWords);
  for (uint32_t i = w - w % kGroupWords; i < w; ++i) {
    rank += static_cast<uint32_t>(std::popcount(LoadAt<uint64_t>(bytes_, i)));
  }
  return rank + static_cast<uint32_t>(std::popcount(word & (bit - 1)));
}

void RowSet::AddTo(Bits& bits) const {
  if (form_ == Form::kAll) {
    SetBits(bits, 0, rows_);
  } else if (form_ == Form::kList) {
    for (uint32_t i = 0; i < count_; ++i) SetBit(bits, LoadAt<uint32_t>(bytes_, i));
  } else {
    for (size_t w = 0; w < bits.size(); ++w) bits[w] |= LoadAt<uint64_t>(bytes_, w);
  }
}

}  // namespace kith::index
