#include "encoder/text/span.h"

#include <unicode/uchar.h>

#include "encoder/utf8.h"

namespace kith::encoder {
namespace {

bool IsSpace(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0; }

int32_t ClusterBreak(char32_t c) {
  return c < 0x80 ? U_GCB_OTHER
                  : u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_GRAPHEME_CLUSTER_BREAK);
}

bool JoinsWhatIsBefore(char32_t c) {
  const int32_t value = ClusterBreak(c);
  return value == U_GCB_EXTEND || value == U_GCB_SPACING_MARK || value == U_GCB_ZWJ;
}

bool JoinsWhatIsAfter(char32_t c) { return ClusterBreak(c) == U_GCB_PREPEND; }

CodePoint Before(std::string_view text, uint32_t offset) {
  uint32_t begin = offset - 1;
  while (IsUtf8Continuation(text[begin])) --begin;
  return DecodeUtf8(text, begin);
}

}  // namespace

Span Trimmed(std::string_view text, Span span) {
  Span out = span;
  while (out.begin < out.end) {
    const CodePoint first = DecodeUtf8(text, out.begin);
    if (!IsSpace(first.value)) break;
    const uint32_t next = out.begin + first.size_bytes;
    // Line ends join nothing.
    if (first.value != '\n' && first.value != '\r' && next < out.end &&
        JoinsWhatIsBefore(DecodeUtf8(text, next).value)) {
      break;
    }
    out.begin = next;
  }
  while (out.begin < out.end) {
    const CodePoint last = Before(text, out.end);
    if (!IsSpace(last.value)) break;
    const uint32_t previous = out.end - last.size_bytes;
    if (last.value != '\n' && last.value != '\r' && previous > out.begin &&
        JoinsWhatIsAfter(Before(text, previous).value)) {
      break;
    }
    out.end = previous;
  }
  return out;
}

bool HasWhiteSpace(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = DecodeUtf8(text, at);
    if (IsSpace(c.value)) return true;
    at += c.size_bytes;
  }
  return false;
}

}  // namespace kith::encoder
