// Timestamp: a point in time as metadata has it, and its form in text.

#ifndef KITH_INDEX_METADATA_TIMESTAMP_H_
#define KITH_INDEX_METADATA_TIMESTAMP_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kith::index {

// Microseconds since 1970 in UTC.
struct Timestamp {
  int64_t micros = 0;
  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

// RFC 3339, as "2024-02-29T12:30:00.25Z" or "2024-02-29 13:30:00+01:00"; what is finer than a
// microsecond is cut off. Nullopt if it is not one, names no day of the calendar, or lies outside
// the years 0001 to 9999 in UTC.
std::optional<Timestamp> ParseTimestamp(std::string_view text);

// In UTC, with as many digits of the second as there are: "2024-02-29T12:30:00.25Z".
std::string FormatTimestamp(Timestamp time);

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_TIMESTAMP_H_
