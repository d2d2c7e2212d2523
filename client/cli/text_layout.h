// Laying text out for a terminal: widths, wrapping, tables, numbers for people. What comes from
// documents is made printable first, so that a text cannot send escape sequences to the terminal.

#ifndef KITH_CLIENT_CLI_TEXT_LAYOUT_H_
#define KITH_CLIENT_CLI_TEXT_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kith::cli {

// Valid UTF-8 as by the Unicode standard: no overlong forms, no surrogates, at most U+10FFFF.
bool IsUtf8(std::string_view text);

// One line: runs of white space and control characters (C0, C1, bidirectional overrides) become one
// space, bytes that are not UTF-8 become U+FFFD. No space at the ends.
std::string Printable(std::string_view text);

// Columns that printable text takes: East Asian wide characters and emoji 2, combining marks 0.
size_t DisplayWidth(std::string_view text);

// At most `columns` wide; ends in an ellipsis if something was cut.
std::string Shorten(std::string_view text, size_t columns);

// Printable text in lines of at most `columns`, broken at spaces, inside a word only where one is
// too long. If `max_lines` do not hold it, the last one ends in an ellipsis.
std::vector<std::string> Wrap(std::string_view text, size_t columns, size_t max_lines);

// A passage's text without the Markdown headings (and blank lines) that it begins with: where the
// heading path is shown, they would say it twice. All of it if nothing else is in it.
std::string_view SkipHeadings(std::string_view text);

// Rows in columns two spaces apart; the first row is the heading. A column whose values (heading
// apart) are all numbers is set flush right. Ends in a newline.
std::string Table(const std::vector<std::vector<std::string>>& rows);

// "1,234,567"
std::string Grouped(uint64_t number);
// "1 file", "1,234 files", "2 queries"
std::string Counted(uint64_t number, std::string_view noun);
// "917 B", "1.2 MiB"
std::string HumanBytes(uint64_t bytes);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_TEXT_LAYOUT_H_
