// What a line of plain text or Markdown is, looked at alone: the few block forms that decide where
// sections begin and which line ends are just wrapping. Follows CommonMark 0.30 (section numbers at
// the functions) and treats what it does not know as text.
//
// Pure functions over lines without their line end.

#ifndef KITH_ENCODER_TEXT_LINES_H_
#define KITH_ENCODER_TEXT_LINES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kith::encoder {

// Takes the first line off `*rest`; its "\n" or "\r\n" is taken too and not part of the result.
std::string_view TakeLine(std::string_view* rest);

bool IsBlank(std::string_view line);  // spaces and tabs only

struct Heading {
  int level;               // 1..6
  std::string_view title;  // without the markup around it; not empty
};

// "## Title ##" (4.2).
std::optional<Heading> AtxHeading(std::string_view line);

// The level that "=====" or "-----" makes of the line above it (4.3), 0 if it is no such line.
// Three or more are asked for, since plain text holds shorter ones that mean nothing.
int SetextLevel(std::string_view line);

// Follows lines through fenced code blocks (4.5).
class FenceTracker {
 public:
  // Takes the next line; true if it is inside a block or one of its fences.
  bool Inside(std::string_view line);

 private:
  char fence_ = 0;  // 0: outside
  size_t length_ = 0;
};

// A line that does not go on with the paragraph above it, whatever that says: list item, quote,
// table row, heading, fence, thematic break, HTML, indented by four.
bool StartsBlock(std::string_view line);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TEXT_LINES_H_
