#include "index/metadata/metadata_column.h"

#include <algorithm>
#include <vector>

#include "index/metadata/roaring_rows.h"

namespace kith::index {
namespace {

using metadata_image::BitmapEntry;

// Whether the two are of kinds that have an order between them.
bool Comparable(FieldType type, const ValueView& value) {
  switch (type) {
    case FieldType::kKeyword:
    case FieldType::kKeywordList:
      return std::holds_alternative<std::string_view>(value);
    case FieldType::kInt64:
    case FieldType::kDouble:
      return std::holds_alternative<int64_t>(value) || std::holds_alternative<double>(value);
    case FieldType::kBool:
      return std::holds_alternative<bool>(value);
    case FieldType::kTimestamp:
      return std::holds_alternative<Timestamp>(value);
  }
  return false;
}

// Sets the bits of rows 0, 1, ... whose id is in the range; a word at a time, so that the compiler
// makes vector code of it.
template <typename Id>
void ScanIds(const std::byte* ids, uint32_t rows, IdRange range, Bits& bits) {
  const uint32_t width = range.end - range.begin;
  const auto words = static_cast<uint32_t>(SlotSet::WordsFor(rows));
  for (uint32_t w = 0; w < words; ++w) {
    const uint32_t count = std::min(64u, rows - w * 64);
    uint64_t word = 0;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t id = LoadAt<Id>(ids, size_t{w} * 64 + i);
      word |= uint64_t{id - range.begin < width} << i;
    }
    bits[w] |= word;
  }
}

}  // namespace

ValueView MetadataColumn::Value(uint32_t id) const {
  switch (type_) {
    case FieldType::kKeyword:
    case FieldType::kKeywordList: {
      const uint64_t begin = id == 0 ? 0 : keyword_ends_[id - 1];
      return std::string_view(reinterpret_cast<const char*>(dictionary_) + begin,
                              keyword_ends_[id] - begin);
    }
    case FieldType::kInt64:
      return LoadAt<int64_t>(dictionary_, id);
    case FieldType::kDouble:
      return LoadAt<double>(dictionary_, id);
    case FieldType::kBool:
      return LoadAt<uint8_t>(dictionary_, id) != 0;
    case FieldType::kTimestamp:
      break;
  }
  return Timestamp{LoadAt<int64_t>(dictionary_, id)};
}

IdRange MetadataColumn::Matching(CompareOp op, const ValueView& value) const {
  if (!Comparable(type_, value)) return {};
  // The first id whose value is not less (or, with `beyond`, is greater) than `value`.
  const auto bound = [&](bool beyond) {
    uint32_t begin = 0, end = values_;
    while (begin < end) {
      const uint32_t middle = begin + (end - begin) / 2;
      const std::strong_ordering order = CompareValues(Value(middle), value);
      if (order < 0 || (beyond && order == 0)) {
        begin = middle + 1;
      } else {
        end = middle;
      }
    }
    return begin;
  };
  switch (op) {
    case CompareOp::kLess:
      return {0, bound(false)};
    case CompareOp::kLessEqual:
      return {0, bound(true)};
    case CompareOp::kGreater:
      return {bound(true), values_};
    case CompareOp::kGreaterEqual:
      return {bound(false), values_};
    case CompareOp::kEqual:
    case CompareOp::kHas:
    case CompareOp::kNotEqual:
      break;
  }
  const uint32_t at = bound(false);
  if (at < values_ && CompareValues(Value(at), value) == 0) return {at, at + 1};
  return {at, at};
}

void MetadataColumn::AddRows(std::span<const IdRange> ranges, Bits& bits) const {
  uint64_t wanted = 0;
  for (const IdRange& range : ranges) wanted += range.empty() ? 0 : range.end - range.begin;
  if (wanted == 0) return;
  if (wanted == values_ && !is_list()) return present_.AddTo(bits);
  if (!has_postings_ || PostedCost(ranges) > pairs_) return AddScanned(ranges, bits);
  for (const IdRange& range : ranges) {
    if (!range.empty()) AddPosted(range, bits);
  }
}

// In steps of a scan through the ids: a row of a list is a store somewhere, about eight of them; a
// byte of a bitmap is about one.
uint64_t MetadataColumn::PostedCost(std::span<const IdRange> ranges) const {
  uint64_t cost = 0;
  for (const IdRange& range : ranges) {
    if (range.empty()) continue;
    cost += 8 * (ListEnd(range.end - 1) - ListBegin(range.begin));
    cost += BitmapsEnd(BitmapFrom(range.end)) - BitmapsEnd(BitmapFrom(range.begin));
  }
  return cost;
}

void MetadataColumn::AddPosted(IdRange range, Bits& bits) const {
  const uint64_t end = ListEnd(range.end - 1);
  for (uint64_t i = ListBegin(range.begin); i < end; ++i) {
    SetBit(bits, LoadAt<uint32_t>(lists_, i));
  }
  for (uint32_t b = BitmapFrom(range.begin); b < bitmap_count_; ++b) {
    if (LoadAt<BitmapEntry>(bitmap_entries_, b).value >= range.end) break;
    RoaringRows(BitmapBytes(b)).AddTo(bits);
  }
}

void MetadataColumn::AddScanned(std::span<const IdRange> ranges, Bits& bits) const {
  if (ranges.size() == 1 && present_.all() && !is_list() && ids_.width() > 0) {
    const uint32_t rows = present_.rows();
    if (ids_.width() == 1) return ScanIds<uint8_t>(ids_.bytes(), rows, ranges[0], bits);
    if (ids_.width() == 2) return ScanIds<uint16_t>(ids_.bytes(), rows, ranges[0], bits);
    return ScanIds<uint32_t>(ids_.bytes(), rows, ranges[0], bits);
  }
  std::vector<bool> wanted(values_);
  for (const IdRange& range : ranges) {
    for (uint32_t id = range.begin; id < range.end; ++id) wanted[id] = true;
  }
  present_.ForEach([&](uint32_t row, uint32_t rank) {
    ForEachId(rank, [&](uint32_t id) {
      if (wanted[id]) SetBit(bits, row);
    });
  });
}

std::optional<uint32_t> MetadataColumn::FirstId(uint32_t rank) const {
  if (!is_list()) return static_cast<uint32_t>(ids_[rank]);
  const uint64_t begin = rank == 0 ? 0 : row_ends_[rank - 1];
  if (begin == row_ends_[rank]) return std::nullopt;
  return static_cast<uint32_t>(ids_[begin]);
}

std::optional<uint32_t> MetadataColumn::LastId(uint32_t rank) const {
  if (!is_list()) return static_cast<uint32_t>(ids_[rank]);
  const uint64_t begin = rank == 0 ? 0 : row_ends_[rank - 1];
  if (begin == row_ends_[rank]) return std::nullopt;
  return static_cast<uint32_t>(ids_[row_ends_[rank] - 1]);
}

bool MetadataColumn::Has(uint32_t row, uint32_t id) const {
  const std::optional<uint32_t> rank = present_.Rank(row);
  if (!rank.has_value()) return false;
  if (!is_list()) return ids_[*rank] == id;
  uint64_t begin = *rank == 0 ? 0 : row_ends_[*rank - 1], end = row_ends_[*rank];
  while (begin < end) {
    const uint64_t middle = begin + (end - begin) / 2;
    if (ids_[middle] == id) return true;
    if (ids_[middle] < id) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return false;
}

uint32_t MetadataColumn::BitmapFrom(uint32_t id) const {
  uint32_t begin = 0, end = bitmap_count_;
  while (begin < end) {
    const uint32_t middle = begin + (end - begin) / 2;
    if (LoadAt<BitmapEntry>(bitmap_entries_, middle).value < id) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

std::optional<uint32_t> MetadataColumn::BitmapOf(uint32_t id) const {
  const uint32_t at = BitmapFrom(id);
  if (at == bitmap_count_ || LoadAt<BitmapEntry>(bitmap_entries_, at).value != id) {
    return std::nullopt;
  }
  return at;
}

uint64_t MetadataColumn::BitmapsEnd(uint32_t count) const {
  return count == 0 ? 0 : LoadAt<BitmapEntry>(bitmap_entries_, count - 1).end;
}

std::span<const std::byte> MetadataColumn::BitmapBytes(uint32_t bitmap) const {
  const uint64_t begin = BitmapsEnd(bitmap);
  return {bitmaps_ + begin, BitmapsEnd(bitmap + 1) - begin};
}

void MetadataColumn::VisitBitmap(uint32_t bitmap,
                                 const std::function<void(uint32_t row)>& visit) const {
  RoaringRows(BitmapBytes(bitmap)).ForEach(visit);
}

}  // namespace kith::index
