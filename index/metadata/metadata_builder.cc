#include "index/metadata/metadata_builder.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "index/metadata/metadata_image_writer.h"
#include "index/metadata/value_view.h"
#include "kith/base/check.h"

namespace kith::index {
namespace {

// Rows that follow each other and have the same values of one field.
struct Stretch {
  uint32_t first_row;
  uint32_t rows;
  size_t values_end;  // of its values, which begin where those of the stretch before end
};

struct Collected {
  std::vector<Stretch> stretches;
  std::vector<ScalarValue> values;
};

// (field, type) -> what was collected of it.
using Columns = std::map<std::pair<std::string, FieldType>, Collected>;

ColumnDraft Draft(std::string_view field, FieldType type, const Collected& collected) {
  ColumnDraft draft{
      .field = field, .type = type, .values = {}, .rows = {}, .ids = {}, .row_ends = {}};
  draft.values.reserve(collected.values.size());
  for (const ScalarValue& value : collected.values) draft.values.push_back(ViewOf(value));
  const auto less = [](const ValueView& a, const ValueView& b) { return CompareValues(a, b) < 0; };
  std::sort(draft.values.begin(), draft.values.end(), less);
  const auto equal = [](const ValueView& a, const ValueView& b) {
    return CompareValues(a, b) == 0;
  };
  draft.values.erase(std::unique(draft.values.begin(), draft.values.end(), equal),
                     draft.values.end());

  std::vector<uint32_t> ids;  // of one stretch
  size_t at = 0;
  for (const Stretch& stretch : collected.stretches) {
    ids.clear();
    for (; at < stretch.values_end; ++at) {
      const auto place = std::lower_bound(draft.values.begin(), draft.values.end(),
                                          ViewOf(collected.values[at]), less);
      ids.push_back(static_cast<uint32_t>(place - draft.values.begin()));
    }
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    for (uint32_t i = 0; i < stretch.rows; ++i) {
      draft.rows.push_back(stretch.first_row + i);
      draft.ids.insert(draft.ids.end(), ids.begin(), ids.end());
      if (type == FieldType::kKeywordList) draft.row_ends.push_back(draft.ids.size());
    }
  }
  return draft;
}

}  // namespace

struct MetadataBuilder::State {
  uint64_t stamp = 0;
  std::vector<uint32_t> slots;
  std::vector<uint32_t> heads;
  Columns columns;
  size_t value_bytes = 0;

  void AddSlots(uint32_t first, uint32_t count, bool head) {
    KITH_CHECK(count > 0 && (slots.empty() || first > slots.back()), "slots ascend");
    if (head) heads.push_back(static_cast<uint32_t>(slots.size()));
    for (uint32_t i = 0; i < count; ++i) slots.push_back(first + i);
  }

  void AddValues(uint32_t first_row, uint32_t rows, const MetadataRow& row) {
    for (const auto& [field, value] : row) {
      // Nothing is equal to NaN or behind infinity: such a number is no value.
      if (const auto* number = std::get_if<double>(&value); number && !std::isfinite(*number)) {
        continue;
      }
      Collected& collected = columns[{field, static_cast<FieldType>(value.index() + 1)}];
      std::visit([&](const auto& v) { Collect(v, collected); }, value);
      collected.stretches.push_back({first_row, rows, collected.values.size()});
    }
    value_bytes += RunBytes(row);
  }

  template <typename T>
  static void Collect(const T& value, Collected& collected) {
    collected.values.emplace_back(value);
  }
  static void Collect(double value, Collected& collected) {
    collected.values.emplace_back(value + 0.0);  // there is one zero
  }
  static void Collect(const std::vector<std::string>& values, Collected& collected) {
    for (const std::string& value : values) collected.values.emplace_back(value);
  }
};

MetadataBuilder::MetadataBuilder(uint64_t stamp) : state_(std::make_unique<State>()) {
  state_->stamp = stamp;
}
MetadataBuilder::~MetadataBuilder() = default;
MetadataBuilder::MetadataBuilder(MetadataBuilder&&) noexcept = default;
MetadataBuilder& MetadataBuilder::operator=(MetadataBuilder&&) noexcept = default;

void MetadataBuilder::AddDocument(uint32_t first_slot, uint32_t passages, const MetadataRow& row) {
  const uint32_t first_row = rows();
  state_->AddSlots(first_slot, passages, true);
  state_->AddValues(first_row, passages, row);
}

void MetadataBuilder::Add(uint32_t slot, bool head, const MetadataRow& row) {
  const uint32_t first_row = rows();
  state_->AddSlots(slot, 1, head);
  state_->AddValues(first_row, 1, row);
}

uint32_t MetadataBuilder::rows() const { return static_cast<uint32_t>(state_->slots.size()); }

size_t MetadataBuilder::memory_bytes() const {
  return (state_->slots.capacity() + state_->heads.capacity()) * sizeof(uint32_t) +
         2 * state_->value_bytes;
}

std::shared_ptr<const MetadataIndex> MetadataBuilder::Build() {
  KITH_CHECK(rows() > 0, "an index has rows");
  MetadataImageWriter writer(state_->stamp, state_->slots, state_->heads);
  for (const auto& [key, collected] : state_->columns) {
    writer.Add(Draft(key.first, key.second, collected));
  }
  auto index = MetadataIndex::Own(writer.Finish());
  *this = MetadataBuilder(state_->stamp);
  return index;
}

}  // namespace kith::index
