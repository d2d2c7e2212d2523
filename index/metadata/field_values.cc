#include "index/metadata/field_values.h"

#include <algorithm>

#include "index/metadata/metadata_column.h"

namespace kith::index {

FieldValues::FieldValues(const MetadataRuns& runs, std::string_view field) {
  for (const MetadataRuns::Run& run : runs.runs()) {
    runs_.push_back({run.get(), run->Columns(field)});
  }
  std::reverse(runs_.begin(), runs_.end());
}

bool FieldValues::any() const {
  return std::any_of(runs_.begin(), runs_.end(),
                     [](const OfRun& of) { return !of.columns.empty(); });
}

std::optional<ValueView> FieldValues::First(uint32_t slot) const {
  for (const OfRun& of : runs_) {
    const std::optional<uint32_t> row = of.run->RowOf(slot);
    if (!row.has_value()) continue;
    for (const MetadataColumn& column : of.columns) {
      const std::optional<uint32_t> rank = column.present().Rank(*row);
      if (!rank.has_value()) continue;
      const std::optional<uint32_t> id = column.FirstId(*rank);
      return id.has_value() ? std::optional(column.Value(*id)) : std::nullopt;
    }
    break;  // the newest run says everything
  }
  return std::nullopt;
}

void FieldValues::ForEach(uint32_t slot, const std::function<void(const ValueView&)>& visit) const {
  for (const OfRun& of : runs_) {
    const std::optional<uint32_t> row = of.run->RowOf(slot);
    if (!row.has_value()) continue;
    for (const MetadataColumn& column : of.columns) {
      const std::optional<uint32_t> rank = column.present().Rank(*row);
      if (!rank.has_value()) continue;
      column.ForEachId(*rank, [&](uint32_t id) { visit(column.Value(id)); });
    }
    return;
  }
}

}  // namespace kith::index
