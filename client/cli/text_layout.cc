#include "client/cli/text_layout.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fmt/format.h"

namespace kith::cli {
namespace {

constexpr char32_t kInvalid = 0xffffffff;
constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr std::string_view kEllipsis = "\xe2\x80\xa6";

struct Decoded {
  char32_t code_point;  // kInvalid for a byte that begins no character
  size_t bytes;         // 1 if invalid
};

// The first character of a text that is not empty.
Decoded Decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {kInvalid, 1};
  char32_t code_point = lead & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {kInvalid, 1};
    code_point = code_point << 6 | (byte(i) & 0x3f);
  }
  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (code_point < kSmallest[length] || code_point > 0x10ffff ||
      (code_point >= 0xd800 && code_point < 0xe000)) {
    return {kInvalid, 1};
  }
  return {code_point, length};
}

using Range = std::pair<char32_t, char32_t>;

template <size_t N>
bool In(const std::array<Range, N>& ranges, char32_t code_point) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) {
    return code_point >= range.first && code_point <= range.second;
  });
}

// White space, and what could move the cursor or the direction of writing.
constexpr std::array<Range, 8> kBlank = {{{0x00, 0x20},
                                          {0x7f, 0xa0},
                                          {0x2000, 0x200b},
                                          {0x200e, 0x200f},
                                          {0x2028, 0x202f},
                                          {0x2060, 0x206f},
                                          {0x3000, 0x3000},
                                          {0xfeff, 0xfeff}}};
// After Unicode's East Asian Width (W, F) and the emoji blocks; good enough for aligning columns.
constexpr std::array<Range, 7> kWide = {{{0x1100, 0x115f},
                                         {0x2e80, 0xa4cf},
                                         {0xac00, 0xd7a3},
                                         {0xf900, 0xfaff},
                                         {0xfe30, 0xfe6f},
                                         {0xff00, 0xff60},
                                         {0x1f300, 0x3ffff}}};
constexpr std::array<Range, 5> kZeroWidth = {
    {{0x0300, 0x036f}, {0x1ab0, 0x1aff}, {0x20d0, 0x20ff}, {0x200c, 0x200d}, {0xfe00, 0xfe0f}}};

size_t WidthOf(char32_t code_point) {
  if (code_point < 0x300) return 1;
  if (In(kZeroWidth, code_point)) return 0;
  return In(kWide, code_point) ? 2 : 1;
}

// Bytes of the longest prefix of printable text that is at most `columns` wide.
size_t PrefixOf(std::string_view text, size_t columns) {
  size_t end = 0;
  for (size_t width = 0; end < text.size();) {
    const Decoded next = Decode(text.substr(end));
    width += WidthOf(next.code_point);
    if (width > columns) break;
    end += next.bytes;
  }
  return end;
}

bool IsNumber(std::string_view cell) {
  return !cell.empty() && cell.find_first_not_of("0123456789.,-+") == std::string_view::npos &&
         cell.find_first_of("0123456789") != std::string_view::npos;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const Decoded next = Decode(text);
    if (next.code_point == kInvalid) return false;
    text.remove_prefix(next.bytes);
  }
  return true;
}

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool blank = false;
  while (!text.empty()) {
    const Decoded next = Decode(text);
    if (next.code_point != kInvalid && In(kBlank, next.code_point)) {
      blank = true;
    } else {
      if (blank && !out.empty()) out += ' ';
      blank = false;
      out += next.code_point == kInvalid ? kReplacement : text.substr(0, next.bytes);
    }
    text.remove_prefix(next.bytes);
  }
  return out;
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const Decoded next = Decode(text);
    width += WidthOf(next.code_point);
    text.remove_prefix(next.bytes);
  }
  return width;
}

std::string Shorten(std::string_view text, size_t columns) {
  std::string printable = Printable(text);
  const size_t end = PrefixOf(printable, columns);
  if (end == printable.size()) return printable;
  printable.resize(PrefixOf(printable, columns == 0 ? 0 : columns - 1));
  return columns == 0 ? printable : printable + std::string(kEllipsis);
}

std::vector<std::string> Wrap(std::string_view text, size_t columns, size_t max_lines) {
  const std::string printable = Printable(text);
  std::string_view rest = printable;
  std::vector<std::string> lines;
  columns = std::max<size_t>(columns, 2);  // room for any one character
  while (!rest.empty() && lines.size() < max_lines) {
    if (lines.size() + 1 == max_lines) {
      lines.push_back(Shorten(rest, columns));
      break;
    }
    size_t end = PrefixOf(rest, columns);
    if (end < rest.size() && rest[end] != ' ') {
      const size_t space = rest.rfind(' ', end);
      if (space != std::string_view::npos && space > 0) end = space;
    }
    lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end);
    if (rest.starts_with(' ')) rest.remove_prefix(1);
  }
  return lines;
}

std::string_view SkipHeadings(std::string_view text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    const size_t first = line.find_first_not_of(" \t\r");
    if (first != std::string_view::npos && line[first] != '#') return rest;
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  return text;
}

std::string Table(const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) return "";
  const size_t columns = rows[0].size();
  std::vector<size_t> widths(columns, 0);
  std::vector<bool> numeric(columns, rows.size() > 1);
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < columns; ++c) {
      widths[c] = std::max(widths[c], DisplayWidth(rows[r][c]));
      if (r > 0 && !IsNumber(rows[r][c])) numeric[c] = false;
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < columns; ++c) {
      const std::string pad(widths[c] - DisplayWidth(row[c]), ' ');
      line += numeric[c] ? pad + row[c] : row[c] + pad;
      if (c + 1 < columns) line += "  ";
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string Grouped(uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string Counted(uint64_t number, std::string_view noun) {
  if (number == 1) return fmt::format("1 {}", noun);
  if (noun.ends_with("ry"))
    return fmt::format("{} {}ies", Grouped(number), noun.substr(0, noun.size() - 1));
  return fmt::format("{} {}s", Grouped(number), noun);
}

std::string HumanBytes(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return fmt::format("{:.1f} {}", value, unit);
}

}  // namespace kith::cli
