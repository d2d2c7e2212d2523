#include "index/metadata/metadata_image_writer.h"

#include <xxhash.h>

#include <utility>

#include "index/metadata/packed.h"
#include "index/metadata/roaring_rows.h"
#include "index/metadata/row_set.h"

namespace kith::index {
namespace {

using metadata_image::BitmapEntry;
using metadata_image::Column;
using metadata_image::Header;

// Rows of each value, by counting: those of value v are rows[begins[v]] to rows[begins[v + 1]].
struct RowsOfValues {
  std::vector<uint64_t> begins;
  std::vector<uint32_t> rows;

  explicit RowsOfValues(const ColumnDraft& draft)
      : begins(draft.values.size() + 1), rows(draft.ids.size()) {
    for (const uint32_t id : draft.ids) ++begins[id + 1];
    for (size_t v = 1; v < begins.size(); ++v) begins[v] += begins[v - 1];
    std::vector<uint64_t> at(begins.begin(), begins.end() - 1);
    size_t i = 0;
    for (size_t rank = 0; rank < draft.rows.size(); ++rank) {
      const size_t end = draft.row_ends.empty() ? i + 1 : draft.row_ends[rank];
      for (; i < end; ++i) rows[at[draft.ids[i]]++] = draft.rows[rank];
    }
  }
};

}  // namespace

MetadataImageWriter::MetadataImageWriter(uint64_t stamp, std::span<const uint32_t> slots,
                                         std::span<const uint32_t> heads)
    : stamp_(stamp), slots_(slots), heads_(heads) {}

void MetadataImageWriter::Add(const ColumnDraft& draft) {
  if (draft.rows.empty()) return;
  const size_t begin = data_.size();
  Column entry;
  entry.type = static_cast<uint8_t>(draft.type);
  entry.pairs = draft.ids.size();
  entry.name_bytes = static_cast<uint32_t>(draft.field.size());
  entry.values = static_cast<uint32_t>(draft.values.size());
  entry.present = static_cast<uint32_t>(draft.rows.size());
  data_ += draft.field;
  AddDictionary(draft, entry);
  entry.present_form =
      static_cast<uint8_t>(RowSet::Append(data_, static_cast<uint32_t>(slots_.size()), draft.rows));
  if (draft.type == FieldType::kKeywordList) {
    entry.row_end_width = Packed::WidthFor(draft.ids.size());
    PutPacked<uint64_t>(data_, draft.row_ends, entry.row_end_width);
  }
  entry.id_width = Packed::WidthFor(entry.values == 0 ? 0 : entry.values - 1);
  PutPacked<uint32_t>(data_, draft.ids, entry.id_width);
  if (entry.pairs >= metadata_image::kPostedPairs) AddPostings(draft, entry);
  entry.data_bytes = data_.size() - begin;
  entries_.push_back(entry);
}

void MetadataImageWriter::AddDictionary(const ColumnDraft& draft, Column& entry) {
  if (draft.type != FieldType::kKeyword && draft.type != FieldType::kKeywordList) {
    for (const ValueView& value : draft.values) {
      if (const auto* flag = std::get_if<bool>(&value)) {
        PutRaw(data_, static_cast<uint8_t>(*flag));
      } else if (const auto* time = std::get_if<Timestamp>(&value)) {
        PutRaw(data_, time->micros);
      } else if (const auto* integer = std::get_if<int64_t>(&value)) {
        PutRaw(data_, *integer);
      } else {
        PutRaw(data_, std::get<double>(value));
      }
    }
    return;
  }
  std::vector<uint64_t> ends;
  ends.reserve(draft.values.size());
  for (const ValueView& value : draft.values) {
    entry.dictionary_bytes += std::get<std::string_view>(value).size();
    ends.push_back(entry.dictionary_bytes);
  }
  entry.dictionary_width = Packed::WidthFor(entry.dictionary_bytes);
  PutPacked<uint64_t>(data_, ends, entry.dictionary_width);
  for (const ValueView& value : draft.values) data_ += std::get<std::string_view>(value);
}

void MetadataImageWriter::AddPostings(const ColumnDraft& draft, Column& entry) {
  const RowsOfValues of(draft);
  std::vector<uint64_t> list_ends;
  std::vector<uint32_t> lists;
  std::vector<BitmapEntry> entries;
  std::string bitmaps;
  for (uint32_t id = 0; id < entry.values; ++id) {
    const std::span<const uint32_t> rows(of.rows.data() + of.begins[id],
                                         of.begins[id + 1] - of.begins[id]);
    std::string bitmap;
    if (rows.size() >= metadata_image::kBitmapRows) bitmap = RoaringBytes(rows);
    if (!bitmap.empty() && bitmap.size() < rows.size_bytes()) {
      bitmaps += bitmap;
      entries.push_back({id, static_cast<uint32_t>(rows.size()), bitmaps.size()});
    } else {
      lists.insert(lists.end(), rows.begin(), rows.end());
    }
    list_ends.push_back(lists.size());
  }
  entry.has_postings = 1;
  entry.listed = lists.size();
  entry.bitmaps = static_cast<uint32_t>(entries.size());
  entry.bitmap_bytes = bitmaps.size();
  entry.list_end_width = Packed::WidthFor(entry.listed);
  PutPacked<uint64_t>(data_, list_ends, entry.list_end_width);
  PutPacked<uint32_t>(data_, lists, sizeof(uint32_t));
  for (const BitmapEntry& bitmap : entries) PutRaw(data_, bitmap);
  data_ += bitmaps;
}

std::string MetadataImageWriter::Finish() {
  const auto rows = static_cast<uint32_t>(slots_.size());
  Header header;
  header.rows = rows;
  header.first_slot = slots_.front();
  header.columns = static_cast<uint32_t>(entries_.size());
  header.stamp = stamp_;
  header.slots_listed = slots_.back() - slots_.front() == rows - 1 ? 0 : 1;
  header.heads = static_cast<uint32_t>(heads_.size());

  std::string heads;
  header.heads_form = static_cast<uint32_t>(RowSet::Append(heads, rows, heads_));
  const size_t slot_bytes = header.slots_listed * slots_.size_bytes();
  header.size_bytes = sizeof(header) + entries_.size() * sizeof(Column) + slot_bytes +
                      heads.size() + data_.size() + metadata_image::kChecksumBytes;

  std::string image;
  image.reserve(header.size_bytes);
  PutRaw(image, header);
  for (const Column& entry : entries_) PutRaw(image, entry);
  if (header.slots_listed != 0) PutPacked(image, slots_, sizeof(uint32_t));
  image += heads;
  image += data_;
  PutRaw(image, static_cast<uint64_t>(XXH3_64bits(image.data(), image.size())));
  return image;
}

}  // namespace kith::index
