#include "encoder/byte_level.h"

#include <unicode/uchar.h>

#include <array>

#include "encoder/utf8.h"

namespace kith::encoder {
namespace {

constexpr bool StandsForItself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<char32_t, 256> of_byte = {};
  std::array<int, 0x144> byte_of = {};  // by character; -1: none
};

constexpr Alphabet MakeAlphabet() {
  Alphabet alphabet;
  alphabet.byte_of.fill(-1);
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t c = StandsForItself(byte) ? static_cast<char32_t>(byte) : next++;
    alphabet.of_byte[static_cast<size_t>(byte)] = c;
    alphabet.byte_of[c] = byte;
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = MakeAlphabet();

enum class Class : unsigned char { kLetter, kNumber, kSpace, kOther };

Class ClassOfCodePoint(char32_t c) {
  const auto code = static_cast<UChar32>(c);
  const uint32_t mask = U_GET_GC_MASK(code);
  if ((mask & U_GC_L_MASK) != 0) return Class::kLetter;
  if ((mask & U_GC_N_MASK) != 0) return Class::kNumber;
  return u_isUWhiteSpace(code) ? Class::kSpace : Class::kOther;
}

std::array<Class, 128> MakeAsciiClasses() {
  std::array<Class, 128> classes;
  for (size_t i = 0; i < classes.size(); ++i) classes[i] = ClassOfCodePoint(i);
  return classes;
}

const std::array<Class, 128> kAsciiClasses = MakeAsciiClasses();

// Walks over the characters of text[at, end).
class Cursor {
 public:
  Cursor(std::string_view text, size_t at, size_t end) : text_(text.substr(0, end)), at_(at) {
    Look();
  }

  bool done() const { return at_ == text_.size(); }
  size_t at() const { return at_; }
  Class kind() const { return kind_; }  // REQUIRES: !done()
  void Next() {
    at_ += size_;
    Look();
  }
  void SkipAll(Class kind) {
    while (!done() && kind_ == kind) Next();
  }

 private:
  void Look() {
    if (done()) return;
    const auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte < 0x80) {
      kind_ = kAsciiClasses[byte];
      size_ = 1;
      return;
    }
    const CodePoint c = DecodeUtf8(text_, at_);
    kind_ = ClassOfCodePoint(c.value);
    size_ = c.size_bytes;
  }

  const std::string_view text_;
  size_t at_;
  size_t size_ = 0;
  Class kind_ = Class::kOther;
};

// Passes white space. Where its last character begins, which goes with the next word or is one by
// itself; at the end of the text there is none to go with, and all of it is one word. `last`: where
// it begins if the cursor is past it already.
size_t LastOfSpaces(Cursor* cursor, size_t last) {
  while (!cursor->done() && cursor->kind() == Class::kSpace) {
    last = cursor->at();
    cursor->Next();
  }
  return cursor->done() ? cursor->at() : last;
}

// The length of 's, 't, 're, 've, 'm, 'll or 'd at the front; 0 if there is none.
size_t Contraction(std::string_view text) {
  if (text.size() < 2 || text[0] != '\'') return 0;
  if (std::string_view("stmd").find(text[1]) != std::string_view::npos) return 2;
  const std::string_view two = text.substr(1, 2);
  return two == "re" || two == "ve" || two == "ll" ? 3 : 0;
}

}  // namespace

std::optional<std::string> BytesOfToken(std::string_view token) {
  std::string bytes;
  for (size_t at = 0; at < token.size();) {
    const CodePoint c = DecodeUtf8(token, at);
    if (c.value >= kAlphabet.byte_of.size() || kAlphabet.byte_of[c.value] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kAlphabet.byte_of[c.value]));
    at += c.size_bytes;
  }
  return bytes;
}

std::string TokenOfByte(unsigned char byte) {
  char spelled[4];
  return std::string(spelled, EncodeUtf8(kAlphabet.of_byte[byte], spelled));
}

size_t EndOfWord(std::string_view text, size_t begin, size_t end) {
  if (const size_t size = Contraction(text.substr(begin, end - begin)); size > 0) {
    return begin + size;
  }
  Cursor cursor(text, begin, end);
  if (cursor.kind() != Class::kSpace) {
    cursor.SkipAll(cursor.kind());
    return cursor.at();
  }
  cursor.Next();
  const size_t after_first = cursor.at();
  if (text[begin] == ' ') return EndOfWordAfterSpace(text, after_first, end);
  const size_t last = LastOfSpaces(&cursor, begin);
  return last > begin ? last : after_first;
}

size_t EndOfWordAfterSpace(std::string_view text, size_t begin, size_t end) {
  Cursor cursor(text, begin, end);
  if (cursor.done()) return end;
  if (cursor.kind() == Class::kSpace) return LastOfSpaces(&cursor, begin);
  cursor.SkipAll(cursor.kind());
  return cursor.at();
}

}  // namespace kith::encoder
