// Where a page of an ordered listing ended, as bytes that a page token carries and a client gives
// back: anything may be in them.

#ifndef KITH_SERVER_ENGINE_FILTERING_PAGE_CURSOR_H_
#define KITH_SERVER_ENGINE_FILTERING_PAGE_CURSOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "index/metadata/value_view.h"

namespace kith::engine {

// The last document of a page.
struct PageCursor {
  std::optional<index::ScalarValue> value = {};  // absent: it has not the field
  uint64_t first_ordinal = 0;
  uint16_t space = 0;  // the vector space that the ordinal is of

  friend bool operator==(const PageCursor&, const PageCursor&) = default;
};

std::string EncodeCursor(const PageCursor& cursor);

// INVALID_ARGUMENT (INVALID_PAGE_TOKEN).
absl::StatusOr<PageCursor> DecodeCursor(std::string_view bytes);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_FILTERING_PAGE_CURSOR_H_
