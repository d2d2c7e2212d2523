#include "encoder/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace kith::encoder {
namespace {

TEST(Utf8Test, EveryScalarValueIsValidAndDecodesToItself) {
  for (char32_t value = 0; value <= 0x10FFFF; ++value) {
    if (value >= 0xD800 && value <= 0xDFFF) continue;
    char bytes[4];
    const std::string_view text(bytes, EncodeUtf8(value, bytes));
    ASSERT_TRUE(IsValidUtf8(text)) << std::hex << static_cast<uint32_t>(value);
    const CodePoint decoded = DecodeUtf8(text, 0);
    ASSERT_EQ(decoded.value, value);
    ASSERT_EQ(decoded.size_bytes, text.size());
  }
}

struct BadBytes {
  std::string_view bytes;
  size_t valid_prefix;
  size_t replacements;  // code points that a walk over all of it sees
};

TEST(Utf8Test, MalformedBytesAreRefusedAtTheirOffsetAndReplacedByMaximalSubparts) {
  using namespace std::string_view_literals;
  // The last row but three is the worked example of Unicode 15, table 3-8.
  const BadBytes kBad[] = {
      {"\x80"sv, 0, 1},
      {"ok\xFF"sv, 2, 1},
      {"\xC0\xAF"sv, 0, 2},              // overlong '/'
      {"\xE0\x80\xAF"sv, 0, 3},          // overlong in three bytes
      {"\xF0\x80\x80\xAF"sv, 0, 4},      // overlong in four bytes
      {"\xED\xA0\x80"sv, 0, 3},          // a surrogate
      {"\xF4\x90\x80\x80"sv, 0, 4},      // U+110000
      {"\xF8\x88\x80\x80\x80"sv, 0, 5},  // a five-byte form
      {"12345678\xE2\x82"sv, 8, 1},      // cut short after a block of ASCII
      {"\xF0\x9F\x98"sv, 0, 1},          // cut short
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"sv, 0, 4},
      {"\xC3"sv, 0, 1},
      {"\xC3\x28"sv, 0, 1},
      {"\0\xFE"sv, 1, 1},
  };
  for (const BadBytes& row : kBad) {
    EXPECT_EQ(ValidUtf8Prefix(row.bytes), row.valid_prefix) << testing::PrintToString(row.bytes);
    size_t replacements = 0;
    for (size_t at = 0; at < row.bytes.size();) {
      const CodePoint decoded = DecodeUtf8(row.bytes, at);
      replacements += decoded.value == kReplacementCharacter;
      ASSERT_GE(decoded.size_bytes, 1u);
      at += decoded.size_bytes;
      ASSERT_LE(at, row.bytes.size());
    }
    EXPECT_EQ(replacements, row.replacements) << testing::PrintToString(row.bytes);
  }
}

TEST(Utf8Test, TheOffsetOfABadByteIsFoundAtEveryPositionOfABlock) {
  for (size_t at = 0; at < 40; ++at) {
    std::string text(40, 'a');
    text[at] = '\xC3';
    EXPECT_EQ(ValidUtf8Prefix(text), at);
    EXPECT_EQ(ValidUtf8Prefix(text.substr(0, at)), at);
  }
}

}  // namespace
}  // namespace kith::encoder
