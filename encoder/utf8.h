// UTF-8: checking bytes from outside, and walking over their code points. The server uses the check
// on every text it accepts; the tokenizer and the splitter walk.
//
// Pure functions: thread-safe, no allocation, never fail.

#ifndef KITH_ENCODER_UTF8_H_
#define KITH_ENCODER_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kith::encoder {

// How many bytes from the start are well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, no
// surrogates, nothing above U+10FFFF): `text.size()` when all are, else the offset of the first
// byte that is not part of a whole code point. Non-characters and U+0000 are well-formed. Runs of
// ASCII pass eight bytes at a time.
size_t ValidUtf8Prefix(std::string_view text);

inline bool IsValidUtf8(std::string_view text) { return ValidUtf8Prefix(text) == text.size(); }

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

struct CodePoint {
  char32_t value;
  uint32_t size_bytes;  // 1..4
};

// The code point at `text[offset]`. Bytes that are not well-formed become U+FFFD, one a maximal
// subpart (as browsers and ICU do), so that a walk over any bytes ends.
// REQUIRES: offset < text.size().
CodePoint DecodeUtf8(std::string_view text, size_t offset);

// True for bytes 10xxxxxx: no code point begins here.
constexpr bool IsUtf8Continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

// Writes `code_point` (a scalar value) to `out`, which has room for 4 bytes; returns how many it
// took.
size_t EncodeUtf8(char32_t code_point, char* out);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_UTF8_H_
