// Filter: which documents are wanted, by their metadata: a tree, free of any wire format. The
// engine makes it of a filter string or of a request's tree, ResolveFilter fits it to a
// collection's fields, and evaluate.h answers it.
//
//   Filter f = Filter::And({Filter::Compare("year", CompareOp::kGreaterEqual, int64_t{2020}),
//                           Filter::Not(Filter::Has("tags", "draft"))});
//
// What it means (docs/filters.md tells users):
// - A comparison, != too, is true only of a document that has the field. Not is the complement of
//   its part: Not(year = 2020) is true of documents without a year, year != 2020 is not.
// - Of a list, `=` and Has are true if any element equals, `!=` if none does; a list without
//   elements is a field that is there.
// - Keywords have the order of their bytes. int64 and double compare as the numbers that they are.
// - A field that no document has: no comparison is true of it.

#ifndef KITH_INDEX_METADATA_FILTER_H_
#define KITH_INDEX_METADATA_FILTER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "index/metadata/metadata_row.h"
#include "index/metadata/value_view.h"

namespace kith::index {

enum class CompareOp {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kHas,  // tags:x; the same as kEqual
};

// As the filter language writes it: "=", "!=", "<", "<=", ">", ">=", ":".
std::string_view NameOf(CompareOp op);

struct Filter {
  enum class Kind { kAll, kAnd, kOr, kNot, kCompare, kIn, kExists };

  Kind kind = Kind::kAll;
  std::vector<Filter> parts = {};        // of kAnd and kOr, any number; of kNot, one
  std::string field = {};                // of kCompare, kIn, kExists
  CompareOp op = CompareOp::kEqual;      // of kCompare
  std::vector<ScalarValue> values = {};  // of kCompare, one; of kIn, any number

  static Filter All() { return {}; }  // every document
  // Of no parts: every document, and none.
  static Filter And(std::vector<Filter> parts) { return {Kind::kAnd, std::move(parts)}; }
  static Filter Or(std::vector<Filter> parts) { return {Kind::kOr, std::move(parts)}; }
  static Filter Not(Filter part) {
    Filter filter{Kind::kNot};
    filter.parts.push_back(std::move(part));
    return filter;
  }
  static Filter Compare(std::string field, CompareOp op, ScalarValue value) {
    Filter filter{Kind::kCompare, {}, std::move(field), op};
    filter.values.push_back(std::move(value));
    return filter;
  }
  static Filter Has(std::string field, std::string value) {
    return Compare(std::move(field), CompareOp::kHas, ScalarValue(std::move(value)));
  }
  // Equal to any of the values; of no values: none.
  static Filter In(std::string field, std::vector<ScalarValue> values) {
    return {Kind::kIn, {}, std::move(field), CompareOp::kEqual, std::move(values)};
  }
  static Filter Exists(std::string field) { return {Kind::kExists, {}, std::move(field)}; }

  friend bool operator==(const Filter&, const Filter&) = default;
};

inline constexpr size_t kMaxFilterNodes = 256;  // every Filter of the tree counts
inline constexpr size_t kMaxFilterDepth = 32;   // a tree of one node is 1 deep
inline constexpr size_t kMaxInValues = 10'000;  // of one In

// What a collection knows of a field.
struct FilterField {
  std::optional<FieldType> type;  // nullopt: no document has had it
  bool indexed = true;            // the schema does not leave it out of the index
};
using FilterFieldLookup = std::function<FilterField(std::string_view field)>;

// OK if the tree is within the limits above and well formed; for whoever makes one of foreign
// bytes, before anything recursive touches it. INVALID_ARGUMENT (FILTER_TOO_LARGE, or
// INVALID_REQUEST for a tree that no factory above makes).
absl::Status CheckFilterShape(const Filter& filter);

// The filter as Evaluate takes it: checked (CheckFilterShape first), strings that are compared with
// a timestamp parsed, values of an In in ascending order without repeats. INVALID_ARGUMENT:
// FILTER_TYPE, as `field "year" holds int64, compared with a string`, FIELD_NOT_INDEXED.
// Idempotent, so that a filter may be resolved again after a field got its type.
absl::StatusOr<Filter> ResolveFilter(Filter filter, const FilterFieldLookup& fields);

// OK if the field can be ordered or counted by: FIELD_NOT_INDEXED otherwise. `use` is what it is
// wanted for, for the message: "order_by", "facets", "group_by".
absl::Status CheckFieldIndexed(std::string_view field, const FilterField& known,
                               std::string_view use);

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_FILTER_H_
