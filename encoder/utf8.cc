#include "encoder/utf8.h"

#include <cstring>

namespace kith::encoder {
namespace {

// What a lead byte asks for. The second byte's range carries all of the special cases: no overlong
// forms (E0, F0), no surrogates (ED), nothing above U+10FFFF (F4).
struct Lead {
  uint32_t size_bytes;  // 0: no code point begins with this byte
  unsigned char second_min, second_max;
};

constexpr Lead LeadOf(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

// Bytes of the well-formed code point at `offset`; 0 with `*bad_bytes` (the maximal subpart) when
// there is none.
uint32_t WellFormedBytes(std::string_view text, size_t offset, uint32_t* bad_bytes) {
  const auto byte_at = [&](size_t i) { return static_cast<unsigned char>(text[offset + i]); };
  const Lead lead = LeadOf(byte_at(0));
  if (lead.size_bytes == 1) return 1;
  *bad_bytes = 1;
  if (lead.size_bytes == 0) return 0;
  const size_t left = text.size() - offset;
  if (left < 2 || byte_at(1) < lead.second_min || byte_at(1) > lead.second_max) return 0;
  for (uint32_t i = 2; i < lead.size_bytes; ++i) {
    *bad_bytes = i;
    if (i >= left || !IsUtf8Continuation(text[offset + i])) return 0;
  }
  return lead.size_bytes;
}

}  // namespace

size_t ValidUtf8Prefix(std::string_view text) {
  size_t offset = 0;
  while (offset < text.size()) {
    while (text.size() - offset >= sizeof(uint64_t)) {
      uint64_t block;
      std::memcpy(&block, text.data() + offset, sizeof(block));
      if ((block & 0x8080808080808080u) != 0) break;
      offset += sizeof(block);
    }
    if (offset == text.size()) break;
    uint32_t bad_bytes;
    const uint32_t size_bytes = WellFormedBytes(text, offset, &bad_bytes);
    if (size_bytes == 0) break;
    offset += size_bytes;
  }
  return offset;
}

CodePoint DecodeUtf8(std::string_view text, size_t offset) {
  const auto byte_at = [&](size_t i) { return static_cast<unsigned char>(text[offset + i]); };
  const auto tail = [&](size_t i) { return static_cast<char32_t>(byte_at(i) & 0x3F); };
  uint32_t bad_bytes = 0;
  switch (WellFormedBytes(text, offset, &bad_bytes)) {
    case 1:
      return {byte_at(0), 1};
    case 2:
      return {static_cast<char32_t>(byte_at(0) & 0x1F) << 6 | tail(1), 2};
    case 3:
      return {static_cast<char32_t>(byte_at(0) & 0x0F) << 12 | tail(1) << 6 | tail(2), 3};
    case 4:
      return {
          static_cast<char32_t>(byte_at(0) & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3),
          4};
    default:
      return {kReplacementCharacter, bad_bytes};
  }
}

size_t EncodeUtf8(char32_t code_point, char* out) {
  const auto tail = [&](int shift) {
    return static_cast<char>(0x80 | (code_point >> shift & 0x3F));
  };
  if (code_point < 0x80) {
    out[0] = static_cast<char>(code_point);
    return 1;
  }
  if (code_point < 0x800) {
    out[0] = static_cast<char>(0xC0 | code_point >> 6);
    out[1] = tail(0);
    return 2;
  }
  if (code_point < 0x10000) {
    out[0] = static_cast<char>(0xE0 | code_point >> 12);
    out[1] = tail(6);
    out[2] = tail(0);
    return 3;
  }
  out[0] = static_cast<char>(0xF0 | code_point >> 18);
  out[1] = tail(12);
  out[2] = tail(6);
  out[3] = tail(0);
  return 4;
}

}  // namespace kith::encoder
