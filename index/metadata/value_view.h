// ValueView: one value as the index holds it, a keyword in place. A value of a list is a keyword,
// too.

#ifndef KITH_INDEX_METADATA_VALUE_VIEW_H_
#define KITH_INDEX_METADATA_VALUE_VIEW_H_

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "index/metadata/timestamp.h"

namespace kith::index {

using ValueView = std::variant<std::string_view, int64_t, double, bool, Timestamp>;

// One that stays, and what a filter compares with.
using ScalarValue = std::variant<std::string, int64_t, double, bool, Timestamp>;

ValueView ViewOf(const ScalarValue& value);
ScalarValue ScalarOf(const ValueView& value);

// int64 and double as the numbers that they are: neither is rounded to the other's type.
// REQUIRES: b is not NaN.
std::strong_ordering CompareNumbers(int64_t a, double b);

// The order of order_by and of facets: keywords by their bytes, int64 and double together by their
// value, false before true, times as they went by. Values that cannot be compared: numbers before
// keywords before bools before times. REQUIRES: no NaN. 0.0 and -0.0 are equal.
std::strong_ordering CompareValues(const ValueView& a, const ValueView& b);

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_VALUE_VIEW_H_
