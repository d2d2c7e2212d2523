// How people write sizes and times in options: "4GiB", "512MiB", "30s", "200ms". What is printed
// can be read again as the same value.
//
// Pure functions.

#ifndef KITH_SERVER_CONFIG_UNITS_H_
#define KITH_SERVER_CONFIG_UNITS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace kith::config {

// A whole number with B, KiB, MiB, GiB, TiB (powers of 1024) or KB, MB, GB, TB (powers of 1000), in
// any case; a bare number is bytes. INVALID_ARGUMENT says what was read.
absl::StatusOr<uint64_t> ParseSize(std::string_view text);
std::string PrintSize(uint64_t bytes);

// A whole number with ms, s, m or h; never negative. A bare number is refused: its unit would be a
// guess.
absl::StatusOr<absl::Duration> ParseDuration(std::string_view text);
std::string PrintDuration(absl::Duration duration);

// A whole number, nothing around it.
absl::StatusOr<uint64_t> ParseNumber(std::string_view text);

}  // namespace kith::config

#endif  // KITH_SERVER_CONFIG_UNITS_H_
