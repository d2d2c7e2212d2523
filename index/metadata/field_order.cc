#include "index/metadata/field_order.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "index/metadata/bits.h"
#include "index/metadata/metadata_column.h"
#include "index/metadata/run_slots.h"

namespace kith::index {
namespace {

// When fewer of the rows are wanted than one in so many, they are gathered and sorted; otherwise
// the rows of one value after the other are asked whether they are wanted.
constexpr uint32_t kGatherBelow = 16;

// The wanted rows of one column of one run, in order. A *key* is an id counted from the end that
// comes first, so that keys ascend in both directions.
class ColumnOrder {
 public:
  ColumnOrder(const NewestRows::OfRun& of, const MetadataColumn& column,
              const FieldOrder::Options& options)
      : of_(&of), column_(&column), descending_(options.descending) {
    if (options.after.has_value()) StartAt(*options.after);
    lazy_ = column.has_postings() && of.count >= of.run->rows() / kGatherBelow;
    if (!lazy_) Gather();
    Next();
  }

  bool done() const { return done_; }
  uint32_t slot() const { return slot_; }
  const ValueView& value() const { return value_; }

  void Next() {
    while (at_ == batch_.size() && lazy_ && next_key_ < column_->values()) Refill(next_key_++);
    done_ = at_ == batch_.size();
    if (done_) return;
    const auto [key, row] = batch_[at_++];
    value_ = column_->Value(IdOf(key));
    slot_ = of_->run->Slot(row);
  }

 private:
  struct Entry {
    uint32_t key;
    uint32_t row;
  };

  uint32_t IdOf(uint32_t key) const { return descending_ ? column_->values() - 1 - key : key; }

  // The key whose value stands for the row.
  std::optional<uint32_t> KeyOf(uint32_t rank) const {
    const std::optional<uint32_t> id = descending_ ? column_->LastId(rank) : column_->FirstId(rank);
    if (!id.has_value()) return std::nullopt;
    return descending_ ? column_->values() - 1 - *id : *id;
  }

  void StartAt(const FieldOrder::After& after) {
    const ValueView value = ViewOf(*after.value);
    uint32_t end = column_->values();
    while (next_key_ < end) {
      const uint32_t middle = next_key_ + (end - next_key_) / 2;
      const auto order = CompareValues(column_->Value(IdOf(middle)), value);
      if (descending_ ? order > 0 : order < 0) {
        next_key_ = middle + 1;
      } else {
        end = middle;
      }
    }
    first_key_ = next_key_;
    const bool equal = first_key_ < column_->values() &&
                       CompareValues(column_->Value(IdOf(first_key_)), value) == 0;
    first_slot_ = equal ? after.slot : 0;
  }

  bool Wanted(uint32_t key, uint32_t row) const {
    return HasBit(of_->rows, row) && key >= first_key_ &&
           (key > first_key_ || of_->run->Slot(row) >= first_slot_);
  }

  void Gather() {
    column_->present().ForEach([&](uint32_t row, uint32_t rank) {
      if (!HasBit(of_->rows, row)) return;
      const std::optional<uint32_t> key = KeyOf(rank);
      if (key.has_value() && Wanted(*key, row)) batch_.push_back({*key, row});
    });
    std::sort(batch_.begin(), batch_.end(), [](const Entry& a, const Entry& b) {
      return a.key != b.key ? a.key < b.key : a.row < b.row;
    });
  }

  void Refill(uint32_t key) {
    batch_.clear();
    at_ = 0;
    column_->ForEachRow(IdOf(key), [&](uint32_t row) {
      if (!Wanted(key, row)) return;
      if (column_->is_list() && KeyOf(*column_->present().Rank(row)) != key) return;
      batch_.push_back({key, row});
    });
  }

  const NewestRows::OfRun* of_;
  const MetadataColumn* column_;
  bool descending_;
  bool lazy_ = false;
  uint32_t first_key_ = 0;   // where to begin,
  uint32_t first_slot_ = 0;  // and from which slot on among its rows
  uint32_t next_key_ = 0;
  std::vector<Entry> batch_;
  size_t at_ = 0;

  bool done_ = false;
  uint32_t slot_ = 0;
  ValueView value_;
};

}  // namespace

struct FieldOrder::State {
  Options options;
  uint32_t size = 0;  // slots
  std::string field;
  NewestRows newest;
  std::vector<ColumnOrder> heap;  // the next one first

  std::optional<SlotSet> missing;  // slots without a value; once the heap is empty
  uint32_t slot = 0;
  std::optional<ValueView> value;

  bool Later(const ColumnOrder& a, const ColumnOrder& b) const {
    const auto order = CompareValues(a.value(), b.value());
    if (order == 0) return a.slot() > b.slot();
    return options.descending ? order < 0 : order > 0;
  }
  auto LaterFirst() const {
    return [this](const ColumnOrder& a, const ColumnOrder& b) { return Later(a, b); };
  }

  SlotSet Missing() const {
    Bits slots = newest.left;
    for (const NewestRows::OfRun& of : newest.runs) {
      Bits has = NoBits(of.run->rows());
      for (const MetadataColumn& column : of.run->Columns(field)) {
        column.present().ForEach([&](uint32_t row, uint32_t rank) {
          if (column.FirstId(rank).has_value()) SetBit(has, row);
        });
      }
      Bits rows = of.rows;
      for (size_t w = 0; w < rows.size(); ++w) rows[w] &= ~has[w];
      ForEachBit(rows, [&](uint32_t row) { SetBit(slots, of.run->Slot(row)); });
    }
    return {size, std::move(slots)};
  }

  bool NextValued() {
    if (heap.empty()) return false;
    if (value.has_value()) {
      // The front is the one that was shown last.
      std::pop_heap(heap.begin(), heap.end(), LaterFirst());
      heap.back().Next();
      if (heap.back().done()) {
        heap.pop_back();
      } else {
        std::push_heap(heap.begin(), heap.end(), LaterFirst());
      }
    }
    if (heap.empty()) return false;
    slot = heap.front().slot();
    value = heap.front().value();
    return true;
  }

  bool NextMissing() {
    uint32_t from = slot + 1;
    if (!missing.has_value()) {
      missing = Missing();
      const bool resumes = options.after.has_value() && !options.after->value.has_value();
      from = resumes ? options.after->slot : 0;
    }
    value.reset();
    slot = missing->NextAllowed(from);
    return slot < size;
  }
};

FieldOrder::FieldOrder(const MetadataRuns& runs, std::string_view field, const Options& options,
                       const SlotSet& allowed)
    : state_(std::make_unique<State>()) {
  state_->options = options;
  state_->size = allowed.size();
  state_->field = field;
  state_->newest = NewestRowsOf(runs, allowed);
  if (options.after.has_value() && !options.after->value.has_value()) return;
  for (const NewestRows::OfRun& of : state_->newest.runs) {
    for (const MetadataColumn& column : of.run->Columns(field)) {
      ColumnOrder order(of, column, state_->options);
      if (!order.done()) state_->heap.push_back(std::move(order));
    }
  }
  std::make_heap(state_->heap.begin(), state_->heap.end(), state_->LaterFirst());
}
FieldOrder::~FieldOrder() = default;

bool FieldOrder::Next() { return state_->NextValued() || state_->NextMissing(); }

uint32_t FieldOrder::slot() const { return state_->slot; }
std::optional<ValueView> FieldOrder::value() const { return state_->value; }

}  // namespace kith::index
