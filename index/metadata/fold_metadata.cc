// All folds are one: a plan says for each row to be made which row of which index it is, and the
// columns are written one after the other: their dictionaries merged, ids renamed.

#include "index/metadata/fold_metadata.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "index/metadata/metadata_column.h"
#include "index/metadata/metadata_image_writer.h"
#include "kith/base/check.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr uint32_t kNowhere = UINT32_MAX;

struct RowSource {
  uint32_t index = kNowhere;  // kNowhere: a row without fields
  uint32_t row = 0;
};

struct Plan {
  uint64_t stamp = 0;
  std::vector<const MetadataIndex*> indexes;
  std::vector<uint32_t> slots;  // of the rows to be made
  std::vector<RowSource> rows;  // where they come from

  void Add(uint32_t slot, RowSource source) {
    slots.push_back(slot);
    rows.push_back(source);
  }
};

// One field and type over all indexes of a plan.
class ColumnFold {
 public:
  ColumnFold(const Plan& plan, std::string_view field, FieldType type)
      : plan_(plan), columns_(plan.indexes.size()), new_ids_(plan.indexes.size()) {
    draft_.field = field;
    draft_.type = type;
    for (size_t i = 0; i < columns_.size(); ++i) {
      for (const MetadataColumn& column : plan.indexes[i]->Columns(field)) {
        if (column.type() == type) columns_[i] = &column;
      }
    }
  }

  absl::StatusOr<ColumnDraft> Run(const Call& call) {
    MergeDictionaries();
    KITH_RETURN_IF_ERROR(call.Check());
    constexpr size_t kRowsPerCheck = 65536;
    for (size_t r = 0; r < plan_.rows.size(); ++r) {
      if (r % kRowsPerCheck == kRowsPerCheck - 1) KITH_RETURN_IF_ERROR(call.Check());
      AddRow(static_cast<uint32_t>(r));
    }
    DropUnused();
    return std::move(draft_);
  }

 private:
  // The next value of one dictionary.
  struct Cursor {
    ValueView value;
    uint32_t index;
    uint32_t id;
  };

  void MergeDictionaries() {
    const auto later = [](const Cursor& a, const Cursor& b) {
      return CompareValues(a.value, b.value) > 0;
    };
    std::vector<Cursor> heap;
    for (uint32_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i] == nullptr) continue;
      new_ids_[i].resize(columns_[i]->values());
      if (columns_[i]->values() > 0) heap.push_back({columns_[i]->Value(0), i, 0});
    }
    std::make_heap(heap.begin(), heap.end(), later);
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end(), later);
      Cursor& least = heap.back();
      if (draft_.values.empty() || CompareValues(draft_.values.back(), least.value) < 0) {
        draft_.values.push_back(least.value);
      }
      new_ids_[least.index][least.id] = static_cast<uint32_t>(draft_.values.size() - 1);
      if (++least.id < columns_[least.index]->values()) {
        least.value = columns_[least.index]->Value(least.id);
        std::push_heap(heap.begin(), heap.end(), later);
      } else {
        heap.pop_back();
      }
    }
  }

  void AddRow(uint32_t r) {
    const RowSource& source = plan_.rows[r];
    if (source.index == kNowhere || columns_[source.index] == nullptr) return;
    const MetadataColumn& column = *columns_[source.index];
    const std::optional<uint32_t> rank = column.present().Rank(source.row);
    if (!rank.has_value()) return;
    draft_.rows.push_back(r);
    const std::vector<uint32_t>& new_ids = new_ids_[source.index];
    column.ForEachId(*rank, [&](uint32_t id) { draft_.ids.push_back(new_ids[id]); });
    if (column.is_list()) draft_.row_ends.push_back(draft_.ids.size());
  }

  // Values that only rows had which are gone.
  void DropUnused() {
    std::vector<uint32_t> kept(draft_.values.size(), 0);
    for (const uint32_t id : draft_.ids) kept[id] = 1;
    uint32_t next = 0;
    for (size_t id = 0; id < kept.size(); ++id) {
      if (kept[id] == 0) continue;
      draft_.values[next] = draft_.values[id];
      kept[id] = next++;
    }
    if (next == draft_.values.size()) return;
    draft_.values.resize(next);
    for (uint32_t& id : draft_.ids) id = kept[id];
  }

  const Plan& plan_;
  std::vector<const MetadataColumn*> columns_;  // of each index; null: it has none
  std::vector<std::vector<uint32_t>> new_ids_;  // of each index: the ids of its values
  ColumnDraft draft_;
};

// REQUIRES: the plan has rows.
absl::StatusOr<std::string> Execute(const Plan& plan, const Call& call) {
  std::vector<uint32_t> heads;
  for (uint32_t r = 0; r < plan.rows.size(); ++r) {
    const RowSource& source = plan.rows[r];
    if (source.index != kNowhere && plan.indexes[source.index]->heads().Contains(source.row)) {
      heads.push_back(r);
    }
  }
  std::set<std::pair<std::string_view, FieldType>> keys;
  for (const MetadataIndex* index : plan.indexes) {
    for (const MetadataColumn& column : index->columns()) {
      keys.emplace(column.field(), column.type());
    }
  }
  MetadataImageWriter writer(plan.stamp, plan.slots, heads);
  for (const auto& [field, type] : keys) {
    KITH_ASSIGN_OR_RETURN(const ColumnDraft draft, ColumnFold(plan, field, type).Run(call));
    writer.Add(draft);
  }
  return writer.Finish();
}

std::shared_ptr<const MetadataIndex> ExecuteNow(const Plan& plan) {
  if (plan.rows.empty()) return nullptr;
  absl::StatusOr<std::string> image = Execute(plan, Call::Background());
  KITH_CHECK(image.ok(), "nobody cancels this");
  return MetadataIndex::Own(*std::move(image));
}

// The newest rows of the slots of one segment.
std::vector<RowSource> NewestRows(const MetadataSource& source, uint32_t first_index) {
  std::vector<RowSource> newest(source.visible);
  uint32_t index = first_index;
  for (const MetadataRuns::Run& run : source.runs->runs()) {
    for (uint32_t row = 0; row < run->rows() && run->Slot(row) < source.visible; ++row) {
      newest[run->Slot(row)] = {index, row};
    }
    ++index;
  }
  return newest;
}

}  // namespace

absl::StatusOr<std::string> FoldMetadata(std::span<const MetadataSource> sources,
                                         const Call& call) {
  Plan plan;
  for (const MetadataSource& source : sources) {
    KITH_RETURN_IF_ERROR(call.Check());
    const auto first_index = static_cast<uint32_t>(plan.indexes.size());
    for (const MetadataRuns::Run& run : source.runs->runs()) {
      plan.indexes.push_back(run.get());
      plan.stamp = std::max(plan.stamp, run->stamp());
    }
    const std::vector<RowSource> newest = NewestRows(source, first_index);
    for (uint32_t slot = 0; slot < source.visible; ++slot) {
      if (source.keep != nullptr && !source.keep(slot)) continue;
      plan.Add(static_cast<uint32_t>(plan.rows.size()), newest[slot]);
    }
  }
  KITH_CHECK(!plan.rows.empty(), "a segment has rows");
  return Execute(plan, call);
}

std::shared_ptr<const MetadataIndex> RenameSlots(const MetadataIndex& run,
                                                 const RenameSlot& rename) {
  Plan plan{.stamp = run.stamp(), .indexes = {&run}, .slots = {}, .rows = {}};
  for (uint32_t row = 0; row < run.rows(); ++row) {
    if (const std::optional<uint32_t> slot = rename(run.Slot(row))) plan.Add(*slot, {0, row});
  }
  return ExecuteNow(plan);
}

std::shared_ptr<const MetadataIndex> MergeRuns(const MetadataIndex& older,
                                               const MetadataIndex& newer) {
  Plan plan{.stamp = std::max(older.stamp(), newer.stamp()),
            .indexes = {&older, &newer},
            .slots = {},
            .rows = {}};
  uint32_t from = 0;  // row of the older
  for (uint32_t row = 0; row < newer.rows(); ++row) {
    const uint32_t slot = newer.Slot(row);
    for (; from < older.rows() && older.Slot(from) < slot; ++from) {
      plan.Add(older.Slot(from), {0, from});
    }
    if (from < older.rows() && older.Slot(from) == slot) ++from;
    plan.Add(slot, {1, row});
  }
  for (; from < older.rows(); ++from) plan.Add(older.Slot(from), {0, from});
  return ExecuteNow(plan);
}

}  // namespace kith::index
