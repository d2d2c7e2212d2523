// FieldValues: the values of one field, slot by slot. For group_by, order_by and what else asks for
// single rows.
//
//   const FieldValues languages(segment.metadata, "lang");     // once a segment
//   languages.ForEach(slot, [&](const ValueView& value) { ... });
//
// Values refer to the runs, which must outlive it and them. Thread-safe: immutable.

#ifndef KITH_INDEX_METADATA_FIELD_VALUES_H_
#define KITH_INDEX_METADATA_FIELD_VALUES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "index/metadata/metadata_runs.h"
#include "index/metadata/value_view.h"

namespace kith::index {

class FieldValues {
 public:
  FieldValues(const MetadataRuns& runs, std::string_view field);

  // Whether any run of the segment has the field.
  bool any() const;

  // The slot's value; of a list the least; nullopt if it has none.
  std::optional<ValueView> First(uint32_t slot) const;

  // Visits the slot's value, or those of its list, ascending, each once.
  void ForEach(uint32_t slot, const std::function<void(const ValueView&)>& visit) const;

 private:
  struct OfRun {
    const MetadataIndex* run;
    std::span<const MetadataColumn> columns;
  };

  std::vector<OfRun> runs_;  // newest first
};

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_FIELD_VALUES_H_
