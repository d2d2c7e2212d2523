#include "index/metadata/metadata_index.h"

#include <algorithm>
#include <string>
#include <utility>

#include "index/metadata/metadata_column.h"
#include "index/metadata/packed.h"

namespace kith::index {
namespace {

MetadataValue OwnedValue(const MetadataColumn& column, uint32_t rank) {
  if (column.is_list()) {
    std::vector<std::string> values;
    column.ForEachId(rank, [&](uint32_t id) {
      values.emplace_back(std::get<std::string_view>(column.Value(id)));
    });
    return values;
  }
  return std::visit([](auto&& value) { return MetadataValue(std::move(value)); },
                    ScalarOf(column.Value(*column.FirstId(rank))));
}

}  // namespace

MetadataIndex::MetadataIndex() = default;
MetadataIndex::~MetadataIndex() = default;

size_t MetadataIndex::memory_bytes() const {
  return sizeof(*this) + image_.size() + columns_.capacity() * sizeof(MetadataColumn);
}

uint32_t MetadataIndex::SlotAt(uint32_t row) const { return LoadAt<uint32_t>(slots_.data(), row); }

std::optional<uint32_t> MetadataIndex::RowOf(uint32_t slot) const {
  if (slot < first_slot_ || slot > last_slot_) return std::nullopt;
  if (contiguous()) return slot - first_slot_;
  uint32_t begin = 0, end = rows_;
  while (begin < end) {
    const uint32_t middle = begin + (end - begin) / 2;
    if (SlotAt(middle) < slot) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  if (begin == rows_ || SlotAt(begin) != slot) return std::nullopt;
  return begin;
}

std::span<const MetadataColumn> MetadataIndex::columns() const { return columns_; }

std::span<const MetadataColumn> MetadataIndex::Columns(std::string_view field) const {
  const auto less = [](const MetadataColumn& column, std::string_view name) {
    return column.field() < name;
  };
  const auto begin = std::lower_bound(columns_.begin(), columns_.end(), field, less);
  auto end = begin;
  while (end != columns_.end() && end->field() == field) ++end;
  return {begin, end};
}

MetadataRow MetadataIndex::Row(uint32_t row) const {
  MetadataRow out;
  for (const MetadataColumn& column : columns_) {
    if (const std::optional<uint32_t> rank = column.present().Rank(row)) {
      out.emplace_hint(out.end(), std::string(column.field()), OwnedValue(column, *rank));
    }
  }
  return out;
}

}  // namespace kith::index
