#include "encoder/text/lines.h"

#include "encoder/text/span.h"

namespace kith::encoder {
namespace {

constexpr std::string_view kBlanks = " \t";

// The line without up to three spaces before it; nullopt when there are more, or a tab.
std::optional<std::string_view> WithoutIndent(std::string_view line) {
  size_t indent = 0;
  while (indent < line.size() && line[indent] == ' ') ++indent;
  if (indent > 3 || (indent < line.size() && line[indent] == '\t')) return std::nullopt;
  return line.substr(indent);
}

size_t RunLength(std::string_view line, char byte) {
  const size_t length = line.find_first_not_of(byte);
  return length == line.npos ? line.size() : length;
}

std::string_view TrimBlanks(std::string_view line) {
  const size_t first = line.find_first_not_of(kBlanks);
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

bool IsDigit(char byte) { return byte >= '0' && byte <= '9'; }

// "1. " or "23) " (5.2).
bool IsOrderedItem(std::string_view line) {
  size_t digits = 0;
  while (digits < line.size() && digits < 9 && IsDigit(line[digits])) ++digits;
  return digits > 0 && digits + 1 < line.size() && (line[digits] == '.' || line[digits] == ')') &&
         line[digits + 1] == ' ';
}

}  // namespace

std::string_view TakeLine(std::string_view* rest) {
  const size_t line_end = rest->find('\n');
  std::string_view line = rest->substr(0, line_end);
  rest->remove_prefix(line_end == rest->npos ? rest->size() : line_end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool IsBlank(std::string_view line) { return line.find_first_not_of(kBlanks) == line.npos; }

std::optional<Heading> AtxHeading(std::string_view line) {
  const std::optional<std::string_view> content = WithoutIndent(line);
  if (!content) return std::nullopt;
  const size_t level = RunLength(*content, '#');
  if (level < 1 || level > 6) return std::nullopt;
  std::string_view title = content->substr(level);
  if (title.empty() || kBlanks.find(title[0]) == kBlanks.npos) return std::nullopt;
  title = TrimBlanks(title);
  // A closing run of # counts only after a blank.
  const size_t last = title.find_last_not_of('#');
  if (last == title.npos) return std::nullopt;
  if (last + 1 < title.size() && kBlanks.find(title[last]) != kBlanks.npos) {
    title = TrimBlanks(title.substr(0, last));
  }
  title = Trimmed(title, {0, static_cast<uint32_t>(title.size())}).Of(title);  // other white space
  if (title.empty()) return std::nullopt;
  return Heading{static_cast<int>(level), title};
}

int SetextLevel(std::string_view line) {
  const std::optional<std::string_view> content = WithoutIndent(line);
  if (!content) return 0;
  const std::string_view rule = TrimBlanks(*content);
  if (rule.size() < 3) return 0;
  if (RunLength(rule, '=') == rule.size()) return 1;
  if (RunLength(rule, '-') == rule.size()) return 2;
  return 0;
}

bool FenceTracker::Inside(std::string_view line) {
  const std::optional<std::string_view> content = WithoutIndent(line);
  if (!content || content->empty()) return fence_ != 0;
  const char mark = content->front();
  const bool is_mark = mark == '`' || mark == '~';
  const size_t length = is_mark ? RunLength(*content, mark) : 0;
  if (fence_ == 0) {
    if (length < 3) return false;
    // `code` in a line of text is no fence.
    if (mark == '`' && content->find('`', length) != content->npos) return false;
    fence_ = mark;
    length_ = length;
    return true;
  }
  if (mark == fence_ && length >= length_ && IsBlank(content->substr(length))) fence_ = 0;
  return true;
}

bool StartsBlock(std::string_view line) {
  const std::optional<std::string_view> content = WithoutIndent(line);
  if (!content || content->empty()) return true;
  switch (content->front()) {
    case '-':
    case '*':
    case '+':
      return content->size() == 1 || (*content)[1] == ' ' || RunLength(*content, (*content)[0]) > 2;
    case '#':
      return AtxHeading(line).has_value();
    case '=':
      return SetextLevel(line) != 0;
    case '`':
    case '~':
      return RunLength(*content, content->front()) >= 3;
    case '>':
    case '|':
    case '<':
      return true;
    default:
      return IsOrderedItem(*content);
  }
}

}  // namespace kith::encoder
