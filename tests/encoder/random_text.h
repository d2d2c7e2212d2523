// Random texts for property tests: a seeded generator that likes what breaks tokenizers and
// splitters.

#ifndef KITH_TESTS_ENCODER_RANDOM_TEXT_H_
#define KITH_TESTS_ENCODER_RANDOM_TEXT_H_

#include <cstdint>
#include <iterator>
#include <random>
#include <string>
#include <string_view>

#include "encoder/utf8.h"

namespace kith::encoder {

class RandomText {
 public:
  explicit RandomText(uint64_t seed) : random_(seed) {}

  size_t Below(size_t limit) { return random_() % limit; }

  std::string Ascii(size_t size) {
    std::string text;
    while (text.size() < size) {
      // Mostly letters and spaces, so that there are words; any byte now and then.
      static constexpr std::string_view kCommon = "aaeeiinnorsstTHEing      ...,,'-[]#\n";
      text += Below(12) == 0 ? static_cast<char>(Below(128)) : kCommon[Below(kCommon.size())];
    }
    return text;
  }

  std::string Bytes(size_t size) {
    std::string text;
    while (text.size() < size) text += static_cast<char>(Below(256));
    return text;
  }

  // Valid UTF-8 from many scripts, about `size` bytes.
  std::string Unicode(size_t size) {
    std::string text;
    while (text.size() < size) {
      static constexpr std::string_view kPieces[] = {"the ",
                                                     "Attention ",
                                                     "is all you need. ",
                                                     "e\u0301",
                                                     "\u0130",
                                                     "\u200b",
                                                     "\u200d",
                                                     "\ufeff",
                                                     "\u4e2d\u6587",
                                                     "\u3002",
                                                     "\ud55c\uae00 ",
                                                     "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
                                                     "\u0939\u093f\u0928\u094d\u0926\u0940",
                                                     "\u05d0\u05d1 ",
                                                     "\u0627\u0644 ",
                                                     "\U0001f468\u200d\U0001f469\u200d\U0001f467",
                                                     "\U0001f1e9\U0001f1ea",
                                                     "\u302e\u302f",
                                                     "\u0327\u0323\u0301",
                                                     "\ufffd",
                                                     "\u00a0",
                                                     "\u2028",
                                                     "\n",
                                                     "\n\n",
                                                     "\r\n",
                                                     "\t",
                                                     ". ",
                                                     "! ",
                                                     "? ",
                                                     "[MASK]",
                                                     "[SEP] ",
                                                     "##",
                                                     "\u00ad",
                                                     "\uf900",
                                                     "\U0002b830",
                                                     "\u1e9b\u0323",
                                                     "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 "};
      if (Below(8) == 0) {
        char bytes[4];
        auto value = static_cast<char32_t>(Below(0x110000));
        if (value >= 0xD800 && value <= 0xDFFF) value = 'x';
        text.append(bytes, EncodeUtf8(value, bytes));
      } else {
        text += kPieces[Below(std::size(kPieces))];
      }
    }
    return text;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace kith::encoder

#endif  // KITH_TESTS_ENCODER_RANDOM_TEXT_H_
