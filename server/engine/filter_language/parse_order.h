// "year desc": by what a listing is ordered.
//
// Pure functions.

#ifndef KITH_SERVER_ENGINE_FILTER_LANGUAGE_PARSE_ORDER_H_
#define KITH_SERVER_ENGINE_FILTER_LANGUAGE_PARSE_ORDER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace kith::engine {

struct FieldOrderText {
  std::string field;
  bool descending = false;
};

// A field, written as in a filter, and then "asc", "desc" or nothing (ascending). INVALID_ARGUMENT
// / INVALID_REQUEST with the field "order_by" for any other text, the empty one too.
absl::StatusOr<FieldOrderText> ParseOrder(std::string_view text);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_FILTER_LANGUAGE_PARSE_ORDER_H_
