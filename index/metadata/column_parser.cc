// Nothing that a column says is believed before it was looked at: sizes, then orders, then that
// what it says of values (their rows) is what it says of rows (their values).

#include "index/metadata/column_parser.h"

#include <cmath>

#include "index/metadata/roaring_rows.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

using metadata_image::BitmapEntry;

size_t FixedValueBytes(FieldType type) {
  switch (type) {
    case FieldType::kKeyword:
    case FieldType::kKeywordList:
      return 0;
    case FieldType::kBool:
      return 1;
    case FieldType::kInt64:
    case FieldType::kDouble:
    case FieldType::kTimestamp:
      break;
  }
  return 8;
}

// Ends of parts that lie one behind the other.
absl::Status CheckEnds(const char* what, const Packed& ends, uint64_t count, uint64_t total) {
  uint64_t before = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (ends[i] < before)
      return MetadataDamage("{} {} ends at {}, before {}", what, i, ends[i], before);
    before = ends[i];
  }
  if (before != total)
    return MetadataDamage("{}: {} of them end at {}, not {}", what, count, before, total);
  return absl::OkStatus();
}

}  // namespace

const std::byte* ColumnParser::Take(uint64_t bytes) {
  if (cut_short_ || bytes > rest_.size()) {
    cut_short_ = true;
    return nullptr;
  }
  const std::byte* at = rest_.data();
  rest_ = rest_.subspan(bytes);
  return at;
}

bool ColumnParser::TakePacked(uint64_t count, uint8_t width, Packed& packed) {
  // Every count is below 2^33 here (CheckEntry), or was bounded by the bytes of the image.
  packed = Packed(Take(count * width), width);
  return !cut_short_;
}

absl::Status ColumnParser::CheckEntry() const {
  const metadata_image::Column& e = entry_;
  const auto type = static_cast<FieldType>(e.type);
  if (e.type < 1 || e.type > 6 || e.present_form > 2 || e.has_postings > 1 || e.reserved != 0 ||
      !Packed::IsWidth(e.dictionary_width) || !Packed::IsWidth(e.id_width) || e.id_width > 4 ||
      !Packed::IsWidth(e.row_end_width) || !Packed::IsWidth(e.list_end_width)) {
    return MetadataDamage("a column of type {} with forms {} and {}, widths {}, {}, {} and {}",
                          e.type, e.present_form, e.has_postings, e.dictionary_width, e.id_width,
                          e.row_end_width, e.list_end_width);
  }
  const bool is_list = type == FieldType::kKeywordList;
  if (e.present == 0 || e.present > rows_ ||
      (is_list ? e.pairs > uint64_t{e.present} * e.values : e.pairs != e.present) ||
      (!is_list && e.values == 0) || e.values > e.pairs || e.listed > e.pairs ||
      (e.has_postings == 0 && (e.listed != 0 || e.bitmaps != 0 || e.bitmap_bytes != 0)) ||
      e.bitmaps > e.values) {
    return MetadataDamage("{} of {} rows have {} of {} values, {} of them in lists, {} bitmaps",
                          e.present, rows_, e.pairs, e.values, e.listed, e.bitmaps);
  }
  // So that no product of a count and a width overflows.
  if (e.dictionary_bytes > e.data_bytes || e.bitmap_bytes > e.data_bytes ||
      (e.pairs > e.data_bytes && e.id_width != 0) || e.listed > e.data_bytes) {
    return MetadataDamage("{} values and {} rows of {} bytes in {}", e.pairs, e.listed,
                          e.dictionary_bytes, e.data_bytes);
  }
  return absl::OkStatus();
}

absl::Status ColumnParser::Place() {
  const metadata_image::Column& e = entry_;
  MetadataColumn& c = column_;
  const auto form = static_cast<RowSet::Form>(e.present_form);
  c.type_ = static_cast<FieldType>(e.type);
  c.values_ = e.values;
  c.pairs_ = e.pairs;
  c.has_postings_ = e.has_postings != 0;
  c.bitmap_count_ = e.bitmaps;
  c.field_ = {reinterpret_cast<const char*>(Take(e.name_bytes)), e.name_bytes};
  if (const size_t bytes = FixedValueBytes(c.type_); bytes != 0) {
    c.dictionary_ = Take(uint64_t{e.values} * bytes);
  } else {
    TakePacked(e.values, e.dictionary_width, c.keyword_ends_);
    c.dictionary_ = Take(e.dictionary_bytes);
  }
  present_ = Take(RowSet::BytesOf(form, rows_, e.present));
  if (c.is_list()) TakePacked(e.present, e.row_end_width, c.row_ends_);
  TakePacked(e.pairs, e.id_width, c.ids_);
  if (c.has_postings_) {
    TakePacked(e.values, e.list_end_width, c.list_ends_);
    c.lists_ = Take(e.listed * sizeof(uint32_t));
    c.bitmap_entries_ = Take(e.bitmaps * sizeof(BitmapEntry));
    c.bitmaps_ = Take(e.bitmap_bytes);
  }
  if (cut_short_ || !rest_.empty()) {
    return MetadataDamage("a column in {} bytes: {}", e.data_bytes,
                          cut_short_ ? "cut short" : "more than it needs");
  }
  return absl::OkStatus();
}

absl::Status ColumnParser::CheckDictionary() const {
  const MetadataColumn& c = column_;
  if (FixedValueBytes(c.type_) == 0) {
    KITH_RETURN_IF_ERROR(
        CheckEnds("a keyword", c.keyword_ends_, entry_.values, entry_.dictionary_bytes));
  }
  for (uint32_t id = 0; id < c.values_; ++id) {
    const ValueView value = c.Value(id);
    if (const auto* number = std::get_if<double>(&value); number && !std::isfinite(*number)) {
      return MetadataDamage("value {} of {} is not finite", id, Quoted(c.field_));
    }
    if (c.type_ == FieldType::kBool && LoadAt<uint8_t>(c.dictionary_, id) > 1) {
      return MetadataDamage("value {} of {} is no bool", id, Quoted(c.field_));
    }
    if (id > 0 && CompareValues(c.Value(id - 1), value) >= 0) {
      return MetadataDamage("value {} of {} is out of order", id, Quoted(c.field_));
    }
  }
  return absl::OkStatus();
}

absl::Status ColumnParser::CheckIds() const {
  const MetadataColumn& c = column_;
  if (c.is_list()) {
    KITH_RETURN_IF_ERROR(CheckEnds("a row's list", c.row_ends_, entry_.present, c.pairs_));
  }
  for (uint32_t rank = 0; rank < entry_.present; ++rank) {
    uint64_t next = 0;  // the least id that may follow
    bool good = true;
    c.ForEachId(rank, [&](uint32_t id) {
      good = good && id >= next && id < c.values_;
      next = uint64_t{id} + 1;
    });
    if (!good) return MetadataDamage("a row has values of {} that are not there", Quoted(c.field_));
  }
  return absl::OkStatus();
}

absl::Status ColumnParser::CheckPostings() const {
  const MetadataColumn& c = column_;
  if (!c.has_postings_) return absl::OkStatus();
  KITH_RETURN_IF_ERROR(CheckEnds("a value's list", c.list_ends_, entry_.values, entry_.listed));
  uint64_t postings = entry_.listed, end = 0;
  for (uint32_t b = 0; b < c.bitmap_count_; ++b) {
    const auto entry = LoadAt<BitmapEntry>(c.bitmap_entries_, b);
    const bool ascends =
        b == 0 || entry.value > LoadAt<BitmapEntry>(c.bitmap_entries_, b - 1).value;
    if (!ascends || entry.value >= c.values_ || entry.end < end ||
        entry.end > entry_.bitmap_bytes || c.ListBegin(entry.value) != c.ListEnd(entry.value) ||
        RoaringRows::Check({c.bitmaps_ + end, entry.end - end}, rows_) != entry.rows) {
      return MetadataDamage("bitmap {} of {}: value {}, {} rows in bytes {} to {}", b,
                            Quoted(c.field_), entry.value, entry.rows, end, entry.end);
    }
    end = entry.end;
    postings += entry.rows;
  }
  if (end != entry_.bitmap_bytes || postings != c.pairs_) {
    return MetadataDamage("bitmaps of {} in {} of {} bytes; {} rows of values, {} values of rows",
                          Quoted(c.field_), end, entry_.bitmap_bytes, postings, c.pairs_);
  }
  // As many as there are pairs, each one once: the same pairs.
  for (uint32_t id = 0; id < c.values_; ++id) {
    uint64_t next = 0;
    bool good = true;
    c.ForEachRow(id, [&](uint32_t row) {
      good = good && row >= next && c.Has(row, id);
      next = uint64_t{row} + 1;
    });
    if (!good) return MetadataDamage("value {} of {} has other rows", id, Quoted(c.field_));
  }
  return absl::OkStatus();
}

absl::StatusOr<MetadataColumn> ColumnParser::Parse() {
  KITH_RETURN_IF_ERROR(CheckEntry());
  KITH_RETURN_IF_ERROR(Place());
  const std::optional<RowSet> present =
      RowSet::Over(static_cast<RowSet::Form>(entry_.present_form), rows_, entry_.present, present_);
  if (!present.has_value()) return MetadataDamage("the rows of {}", Quoted(column_.field_));
  column_.present_ = *present;
  if (trusted_) return column_;
  KITH_RETURN_IF_ERROR(CheckDictionary());
  KITH_RETURN_IF_ERROR(CheckIds());
  KITH_RETURN_IF_ERROR(CheckPostings());
  return column_;
}

}  // namespace kith::index
