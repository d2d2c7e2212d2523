// Span: a range of bytes in a text, and the trimming of white space that all of the splitter's
// steps share.

#ifndef KITH_ENCODER_TEXT_SPAN_H_
#define KITH_ENCODER_TEXT_SPAN_H_

#include <cstdint>
#include <string_view>

namespace kith::encoder {

struct Span {
  uint32_t begin = 0, end = 0;  // [begin, end)

  bool empty() const { return begin == end; }
  std::string_view Of(std::string_view text) const { return text.substr(begin, end - begin); }
};

// `span` without the white space at its ends: empty if there is nothing else. White space that is
// one grapheme cluster with what it touches (a space under a combining accent) stays. REQUIRES:
// `span` begins and ends between code points of valid UTF-8.
Span Trimmed(std::string_view text, Span span);

bool HasWhiteSpace(std::string_view text);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TEXT_SPAN_H_
