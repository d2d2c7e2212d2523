#include "index/metadata/evaluate.h"

#include <span>
#include <utility>
#include <vector>

#include "index/metadata/bits.h"
#include "index/metadata/metadata_column.h"
#include "index/metadata/run_slots.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

// Whether the filter is true of a row without fields.
bool TrueOfNothing(const Filter& filter) {
  switch (filter.kind) {
    case Filter::Kind::kAll:
      return true;
    case Filter::Kind::kAnd:
      for (const Filter& part : filter.parts) {
        if (!TrueOfNothing(part)) return false;
      }
      return true;
    case Filter::Kind::kOr:
      for (const Filter& part : filter.parts) {
        if (TrueOfNothing(part)) return true;
      }
      return false;
    case Filter::Kind::kNot:
      return !TrueOfNothing(filter.parts[0]);
    case Filter::Kind::kCompare:
    case Filter::Kind::kIn:
    case Filter::Kind::kExists:
      break;
  }
  return false;
}

// The rows of one run that a filter is true of.
class RowMatcher {
 public:
  RowMatcher(const MetadataIndex& run, const Call& call) : run_(run), call_(call) {}

  absl::StatusOr<Bits> Match(const Filter& filter) const {
    Bits rows = NoBits(run_.rows());
    KITH_RETURN_IF_ERROR(AddTo(filter, rows));
    return rows;
  }

 private:
  // Adds what the filter is true of to `rows`.
  absl::Status AddTo(const Filter& filter, Bits& rows) const {
    KITH_RETURN_IF_ERROR(call_.Check());
    switch (filter.kind) {
      case Filter::Kind::kAll:
        SetBits(rows, 0, run_.rows());
        break;
      case Filter::Kind::kAnd:
        return AddAnd(filter, rows);
      case Filter::Kind::kOr:
        for (const Filter& part : filter.parts) KITH_RETURN_IF_ERROR(AddTo(part, rows));
        break;
      case Filter::Kind::kNot: {
        KITH_ASSIGN_OR_RETURN(Bits part, Match(filter.parts[0]));
        FlipBits(part, run_.rows());
        Add(part, rows);
        break;
      }
      case Filter::Kind::kCompare:
        AddCompare(filter, rows);
        break;
      case Filter::Kind::kIn:
        AddIn(filter, rows);
        break;
      case Filter::Kind::kExists:
        for (const MetadataColumn& column : run_.Columns(filter.field)) {
          column.present().AddTo(rows);
        }
        break;
    }
    return absl::OkStatus();
  }

  absl::Status AddAnd(const Filter& filter, Bits& rows) const {
    if (filter.parts.empty()) {
      SetBits(rows, 0, run_.rows());
      return absl::OkStatus();
    }
    KITH_ASSIGN_OR_RETURN(Bits all, Match(filter.parts[0]));
    for (size_t i = 1; i < filter.parts.size() && AnyBit(all); ++i) {
      KITH_ASSIGN_OR_RETURN(const Bits part, Match(filter.parts[i]));
      for (size_t w = 0; w < all.size(); ++w) all[w] &= part[w];
    }
    Add(all, rows);
    return absl::OkStatus();
  }

  void AddCompare(const Filter& filter, Bits& rows) const {
    const ValueView value = ViewOf(filter.values[0]);
    for (const MetadataColumn& column : run_.Columns(filter.field)) {
      if (filter.op != CompareOp::kNotEqual) {
        const IdRange range = column.Matching(filter.op, value);
        column.AddRows({&range, 1}, rows);
        continue;
      }
      const IdRange equal = column.Matching(CompareOp::kEqual, value);
      Bits has = NoBits(run_.rows()), equals = NoBits(run_.rows());
      column.present().AddTo(has);
      column.AddRows({&equal, 1}, equals);
      for (size_t w = 0; w < has.size(); ++w) rows[w] |= has[w] & ~equals[w];
    }
  }

  void AddIn(const Filter& filter, Bits& rows) const {
    for (const MetadataColumn& column : run_.Columns(filter.field)) {
      std::vector<IdRange> ranges;
      ranges.reserve(filter.values.size());
      for (const ScalarValue& value : filter.values) {
        const IdRange range = column.Matching(CompareOp::kEqual, ViewOf(value));
        if (!range.empty()) ranges.push_back(range);
      }
      column.AddRows(ranges, rows);
    }
  }

  static void Add(const Bits& part, Bits& rows) {
    for (size_t w = 0; w < rows.size(); ++w) rows[w] |= part[w];
  }

  const MetadataIndex& run_;
  const Call& call_;
};

}  // namespace

absl::StatusOr<SlotSet> Evaluate(const Filter& filter, const MetadataRuns& runs, uint32_t visible,
                                 const Call& call) {
  const std::span<const MetadataRuns::Run> all = runs.runs();
  if (all.size() == 1 && all[0]->contiguous() && all[0]->first_slot() == 0 &&
      all[0]->rows() == visible) {
    KITH_ASSIGN_OR_RETURN(Bits rows, RowMatcher(*all[0], call).Match(filter));
    return SlotSet(visible, std::move(rows));  // the usual sealed segment: rows are slots
  }
  Bits slots = NoBits(visible);
  if (TrueOfNothing(filter)) SetBits(slots, 0, visible);
  for (const MetadataRuns::Run& run : all) {
    KITH_ASSIGN_OR_RETURN(const Bits rows, RowMatcher(*run, call).Match(filter));
    PutRows(*run, rows, visible, slots);
  }
  return SlotSet(visible, std::move(slots));
}

}  // namespace kith::index
