#include "index/metadata/value_view.h"

#include <cmath>

namespace kith::index {
namespace {

using Order = std::strong_ordering;

Order OrderOf(double a, double b) {
  return a < b ? Order::less : a > b ? Order::greater : Order::equal;
}

// Of the groups whose members can be compared.
int Group(const ValueView& value) {
  if (std::holds_alternative<int64_t>(value) || std::holds_alternative<double>(value)) return 0;
  if (std::holds_alternative<std::string_view>(value)) return 1;
  return std::holds_alternative<bool>(value) ? 2 : 3;
}

Order Reverse(Order order) {
  return order == Order::less ? Order::greater : order == Order::greater ? Order::less : order;
}

}  // namespace

ValueView ViewOf(const ScalarValue& value) {
  return std::visit([](const auto& v) { return ValueView(v); }, value);
}

ScalarValue ScalarOf(const ValueView& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) return std::string(*text);
  if (const auto* number = std::get_if<int64_t>(&value)) return *number;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  return std::get<Timestamp>(value);
}

std::strong_ordering CompareNumbers(int64_t a, double b) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (b >= kTwoTo63) return Order::less;
  if (b < -kTwoTo63) return Order::greater;
  // In the range of int64 now, so that the whole part converts exactly.
  const double whole = std::trunc(b);
  const auto integer = static_cast<int64_t>(whole);
  if (a != integer) return a <=> integer;
  return OrderOf(whole, b);
}

std::strong_ordering CompareValues(const ValueView& a, const ValueView& b) {
  if (a.index() != b.index()) {
    const int group = Group(a);
    if (const Order order = group <=> Group(b); order != Order::equal) return order;
    // An int64 and a double.
    if (const auto* integer = std::get_if<int64_t>(&a)) {
      return CompareNumbers(*integer, std::get<double>(b));
    }
    return Reverse(CompareNumbers(std::get<int64_t>(b), std::get<double>(a)));
  }
  if (const auto* text = std::get_if<std::string_view>(&a)) {
    return text->compare(std::get<std::string_view>(b)) <=> 0;
  }
  if (const auto* number = std::get_if<int64_t>(&a)) return *number <=> std::get<int64_t>(b);
  if (const auto* number = std::get_if<double>(&a)) return OrderOf(*number, std::get<double>(b));
  if (const auto* flag = std::get_if<bool>(&a)) {
    return static_cast<int>(*flag) <=> static_cast<int>(std::get<bool>(b));
  }
  return std::get<Timestamp>(a) <=> std::get<Timestamp>(b);
}

}  // namespace kith::index
