#include "server/config/units.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::config {
namespace {

constexpr uint64_t kKi = 1024, kK = 1000;

constexpr std::array<std::pair<std::string_view, uint64_t>, 10> kSizeUnits = {{
    {"", 1},
    {"b", 1},
    {"kib", kKi},
    {"mib", kKi* kKi},
    {"gib", kKi* kKi* kKi},
    {"tib", kKi* kKi* kKi* kKi},
    {"kb", kK},
    {"mb", kK* kK},
    {"gb", kK* kK* kK},
    {"tb", kK* kK* kK* kK},
}};

constexpr std::array<std::pair<std::string_view, int64_t>, 4> kTimeUnitsMs = {{
    {"ms", 1},
    {"s", 1000},
    {"m", 60'000},
    {"h", 3'600'000},
}};

// "12 MiB" as {12, "mib"}. False unless it begins with a number.
bool SplitUnit(std::string_view text, uint64_t* number, std::string* unit) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  if (error != std::errc()) return false;
  std::string_view rest(end, text.data() + text.size() - end);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  unit->clear();
  for (char c : rest) *unit += absl::ascii_tolower(static_cast<unsigned char>(c));
  return true;
}

}  // namespace

absl::StatusOr<uint64_t> ParseSize(std::string_view text) {
  uint64_t number = 0;
  std::string unit;
  if (SplitUnit(text, &number, &unit)) {
    for (const auto& [name, factor] : kSizeUnits) {
      if (unit != name) continue;
      if (number > std::numeric_limits<uint64_t>::max() / factor) break;
      return number * factor;
    }
  }
  return InvalidArgument(reason::kInvalidRequest,
                         "{} is not a size: write a whole number and a unit, as 512MiB or 4GiB",
                         Quoted(text));
}

std::string PrintSize(uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> kNames = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (unit + 1 < kNames.size() && bytes != 0 && bytes % kKi == 0) {
    bytes /= kKi;
    ++unit;
  }
  return fmt::format("{}{}", bytes, kNames[unit]);
}

absl::StatusOr<absl::Duration> ParseDuration(std::string_view text) {
  uint64_t number = 0;
  std::string unit;
  // A year: beyond it a number is a mistake.
  constexpr uint64_t kMaxMs = uint64_t{366} * 24 * 3'600'000;
  if (SplitUnit(text, &number, &unit)) {
    for (const auto& [name, factor] : kTimeUnitsMs) {
      if (unit != name || number > kMaxMs / static_cast<uint64_t>(factor)) continue;
      return absl::Milliseconds(static_cast<int64_t>(number) * factor);
    }
  }
  return InvalidArgument(reason::kInvalidRequest,
                         "{} is not a time: write a whole number and a unit, as 200ms, 30s or 5m",
                         Quoted(text));
}

std::string PrintDuration(absl::Duration duration) {
  const int64_t ms = absl::ToInt64Milliseconds(duration);
  for (size_t i = kTimeUnitsMs.size(); i-- > 0;) {
    const auto& [name, factor] = kTimeUnitsMs[i];
    if (ms % factor == 0 && (ms != 0 || factor == 1000))
      return fmt::format("{}{}", ms / factor, name);
  }
  return fmt::format("{}ms", ms);
}

absl::StatusOr<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return InvalidArgument(reason::kInvalidRequest, "{} is not a whole number", Quoted(text));
  }
  return number;
}

}  // namespace kith::config
