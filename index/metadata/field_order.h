// FieldOrder: the slots of a segment in the order of a field's values, lazily: what a page of
// order_by costs is the page, not the collection.
//
//   FieldOrder order(segment.metadata, "year", {.descending = true}, allowed);
//   while (order.Next()) Use(order.slot(), order.value());
//
// Slots with a value come first, by value and then by slot (ascending in both directions), then
// those without, by slot. The value of a list is its least; descending, its greatest. Refers to the
// runs and to `allowed`, which must outlive it. Not thread-safe.

#ifndef KITH_INDEX_METADATA_FIELD_ORDER_H_
#define KITH_INDEX_METADATA_FIELD_ORDER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "index/metadata/metadata_runs.h"
#include "index/metadata/value_view.h"
#include "index/slot_set.h"

namespace kith::index {

class FieldOrder {
 public:
  // Where to go on: behind this value and slot.
  struct After {
    std::optional<ScalarValue> value;  // nullopt: the slots with a value are done with
    // The first slot of that value that is still wanted.
    uint32_t slot = 0;
  };
  struct Options {
    bool descending = false;
    std::optional<After> after = {};
  };

  FieldOrder(const MetadataRuns& runs, std::string_view field, const Options& options,
             const SlotSet& allowed);
  ~FieldOrder();

  // Goes to the first slot, or to the next; false if there is none.
  bool Next();

  uint32_t slot() const;
  std::optional<ValueView> value() const;  // nullopt: without the field

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_FIELD_ORDER_H_
