// MetadataColumn: one field of a MetadataIndex, as far as its values are of one type: the different
// values in ascending order, the id of a value being its place there; for each row the id of its
// value, or the ids of its list; and, unless the column is small, for each value its rows.
// Internal to index/metadata/.
//
// A view of the image, cheap to copy; thread-safe.

#ifndef KITH_INDEX_METADATA_METADATA_COLUMN_H_
#define KITH_INDEX_METADATA_METADATA_COLUMN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "index/metadata/bits.h"
#include "index/metadata/filter.h"
#include "index/metadata/metadata_image.h"
#include "index/metadata/metadata_row.h"
#include "index/metadata/packed.h"
#include "index/metadata/row_set.h"
#include "index/metadata/value_view.h"

namespace kith::index {

// Ids [begin, end).
struct IdRange {
  uint32_t begin = 0;
  uint32_t end = 0;

  bool empty() const { return begin >= end; }
  bool Contains(uint32_t id) const { return id >= begin && id < end; }
};

class MetadataColumn {
 public:
  std::string_view field() const { return field_; }
  FieldType type() const { return type_; }
  bool is_list() const { return type_ == FieldType::kKeywordList; }
  uint32_t values() const { return values_; }
  const RowSet& present() const { return present_; }  // rows that have the field

  ValueView Value(uint32_t id) const;  // REQUIRES: id < values()

  // The ids whose values are `op` than the value, or equal; those of no value that it cannot be
  // compared with. REQUIRES: op is not kNotEqual. Binary searches.
  IdRange Matching(CompareOp op, const ValueView& value) const;

  // Sets the bits of the rows that have an id in one of the ranges. REQUIRES: the ranges ascend and
  // do not overlap.
  void AddRows(std::span<const IdRange> ranges, Bits& bits) const;

  // Calls visit(id) for the ids of the row with that rank in present(), ascending.
  template <typename Visit>
  void ForEachId(uint32_t rank, const Visit& visit) const {
    if (!is_list()) {
      visit(static_cast<uint32_t>(ids_[rank]));
      return;
    }
    for (uint64_t i = rank == 0 ? 0 : row_ends_[rank - 1]; i < row_ends_[rank]; ++i) {
      visit(static_cast<uint32_t>(ids_[i]));
    }
  }

  // The row's least id, or its greatest; nullopt for a list without elements.
  std::optional<uint32_t> FirstId(uint32_t rank) const;
  std::optional<uint32_t> LastId(uint32_t rank) const;

  // Whether the rows of each value are stored; if not, they are found by looking through the ids.
  bool has_postings() const { return has_postings_; }
  // Calls visit(row) for the rows that have the id, ascending. REQUIRES: has_postings().
  template <typename Visit>
  void ForEachRow(uint32_t id, const Visit& visit) const {
    for (uint64_t i = ListBegin(id); i < ListEnd(id); ++i) visit(LoadAt<uint32_t>(lists_, i));
    if (const std::optional<uint32_t> bitmap = BitmapOf(id)) VisitBitmap(*bitmap, visit);
  }

 private:
  friend class ColumnParser;

  uint64_t ListBegin(uint32_t id) const { return id == 0 ? 0 : list_ends_[id - 1]; }
  uint64_t ListEnd(uint32_t id) const { return list_ends_[id]; }
  // The first bitmap of a value that is not below `id`.
  uint32_t BitmapFrom(uint32_t id) const;
  std::optional<uint32_t> BitmapOf(uint32_t id) const;
  uint64_t BitmapsEnd(uint32_t count) const;  // where the first so many of them end
  std::span<const std::byte> BitmapBytes(uint32_t bitmap) const;
  void VisitBitmap(uint32_t bitmap, const std::function<void(uint32_t row)>& visit) const;

  bool Has(uint32_t row, uint32_t id) const;
  uint64_t PostedCost(std::span<const IdRange> ranges) const;
  void AddPosted(IdRange range, Bits& bits) const;
  void AddScanned(std::span<const IdRange> ranges, Bits& bits) const;

  std::string_view field_;
  FieldType type_ = FieldType::kKeyword;
  uint32_t values_ = 0;
  uint64_t pairs_ = 0;
  Packed keyword_ends_;
  const std::byte* dictionary_ = nullptr;
  RowSet present_;
  Packed row_ends_;
  Packed ids_;
  bool has_postings_ = false;
  Packed list_ends_;
  const std::byte* lists_ = nullptr;
  uint32_t bitmap_count_ = 0;
  const std::byte* bitmap_entries_ = nullptr;
  const std::byte* bitmaps_ = nullptr;
};

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_METADATA_COLUMN_H_
