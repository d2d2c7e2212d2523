// A filter's text -> the tree that the index evaluates. docs/filters.md has the grammar.
//
// Pure functions.

#ifndef KITH_SERVER_ENGINE_FILTER_LANGUAGE_PARSE_FILTER_H_
#define KITH_SERVER_ENGINE_FILTER_LANGUAGE_PARSE_FILTER_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "index/metadata/filter.h"

namespace kith::engine {

// An empty (or blank) text is the filter that everything passes. Times are left as the strings that
// they are written as: what they are is known only together with the type of their field
// (index::ResolveFilter).
//
// INVALID_ARGUMENT: FILTER_SYNTAX with the metadata "position" (a byte of `text`), "expected" and
// "found"; FILTER_TOO_LARGE with "limit" (and "position") beyond the limits of
// index/metadata/filter.h.
absl::StatusOr<index::Filter> ParseFilter(std::string_view text);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_FILTER_LANGUAGE_PARSE_FILTER_H_
