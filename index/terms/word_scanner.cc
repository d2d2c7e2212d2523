#include "index/terms/word_scanner.h"

#include <unicode/brkiter.h>
#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/normalizer2.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "kith/base/check.h"

namespace kith::index {
namespace {

// The classes of annex 29 that ASCII characters fall into.
enum Class : uint8_t {
  kOther = 0,
  kSpace = 1,
  kLetter = 2,
  kDigit = 4,
  kUnderscore = 8,       // ExtendNumLet
  kBetweenLetters = 16,  // MidLetter and MidNumLet, with the quote
  kBetweenDigits = 32,   // MidNum and MidNumLet, with the quote
  kInWord = kLetter | kDigit | kUnderscore,
};

using Classes = std::array<uint8_t, 128>;

icu::BreakIterator* MakeIterator() {
  UErrorCode error = U_ZERO_ERROR;
  icu::BreakIterator* iterator =
      icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), error);
  KITH_CHECK(U_SUCCESS(error) && iterator != nullptr,
             "ICU's rules are in the library it comes with");
  return iterator;
}

const icu::Normalizer2& FoldingNormalizer() {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFKCCasefoldInstance(error);
  KITH_CHECK(U_SUCCESS(error) && normalizer != nullptr,
             "ICU's normalisers are in the library it comes with");
  return *normalizer;
}

// Digits, letters and white space are what they are; what ICU makes of the other characters it is
// asked, since CLDR changes its mind from release to release ("a:b", "a@b").
Classes MakeClasses() {
  const std::unique_ptr<icu::BreakIterator> iterator(MakeIterator());
  // Whether all of `text` is one piece.
  const auto whole = [&](std::initializer_list<char> characters) {
    icu::UnicodeString text;
    for (const char c : characters) text.append(static_cast<char16_t>(c));
    iterator->setText(text);
    iterator->first();
    return iterator->next() == text.length();
  };
  Classes classes = {};
  for (int i = 0; i < 128; ++i) {
    const auto c = static_cast<char>(i);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      classes[i] = kLetter;
    } else if (c >= '0' && c <= '9') {
      classes[i] = kDigit;
    } else if (c == ' ' || (c >= '\t' && c <= '\r')) {
      classes[i] = kSpace;
    } else if (whole({'a', c})) {
      // A dot joins what stands on its two sides if that is two letters.
      classes[i] = whole({c, '.', 'a'}) ? kLetter : kUnderscore;
    } else {
      if (whole({'a', c, 'a'})) classes[i] |= kBetweenLetters;
      if (whole({'1', c, '1'})) classes[i] |= kBetweenDigits;
    }
  }
  return classes;
}

const Classes& AsciiClasses() {
  static const Classes classes = MakeClasses();
  return classes;
}

// Where the word ends that begins at `begin`: rules WB5 to WB13b for ASCII.
size_t AsciiWordEnd(const Classes& classes, std::string_view piece, size_t begin) {
  size_t at = begin + 1;
  while (at < piece.size()) {
    const uint8_t here = classes[static_cast<uint8_t>(piece[at])];
    if (here & kInWord) {
      ++at;
      continue;
    }
    if (at + 1 == piece.size()) break;
    const uint8_t around =
        classes[static_cast<uint8_t>(piece[at - 1])] & classes[static_cast<uint8_t>(piece[at + 1])];
    const bool joins = ((here & kBetweenLetters) && (around & kLetter)) ||
                       ((here & kBetweenDigits) && (around & kDigit));
    if (!joins) break;
    at += 2;
  }
  return at;
}

bool HasAlphanumeric(std::string_view word) {
  int32_t at = 0;
  const auto size = static_cast<int32_t>(word.size());
  while (at < size) {
    UChar32 c;
    U8_NEXT(word.data(), at, size, c);
    if (c >= 0 && u_isalnum(c)) return true;
  }
  return false;
}

}  // namespace

struct WordScanner::Icu {
  Icu() : iterator(MakeIterator()) {}
  ~Icu() { utext_close(&text); }
  Icu(const Icu&) = delete;
  Icu& operator=(const Icu&) = delete;

  UText text = UTEXT_INITIALIZER;  // outlives the iterator, which may refer to it
  const std::unique_ptr<icu::BreakIterator> iterator;
  const icu::Normalizer2& folding = FoldingNormalizer();
  std::string lower;
  std::string folded;
};

WordScanner::WordScanner(bool turkish) : turkish_(turkish), icu_(std::make_unique<Icu>()) {}
WordScanner::~WordScanner() = default;

void WordScanner::Scan(std::string_view text, bool ascii_path, Visit visit) {
  if (!ascii_path) {
    ScanIcu(text, visit);
    return;
  }
  const Classes& classes = AsciiClasses();
  size_t at = 0;
  while (at < text.size()) {
    bool ascii = true;
    size_t end = at;
    for (; end < text.size(); ++end) {
      const auto byte = static_cast<uint8_t>(text[end]);
      if (byte >= 128 || (byte == 'I' && turkish_)) {
        ascii = false;
      } else if (classes[byte] == kSpace) {
        break;
      }
    }
    const std::string_view piece = text.substr(at, end - at);
    if (ascii) {
      ScanAscii(piece, visit);
    } else {
      ScanIcu(piece, visit);
    }
    at = end + 1;
  }
}

void WordScanner::ScanAscii(std::string_view piece, Visit visit) {
  const Classes& classes = AsciiClasses();
  size_t at = 0;
  while (at < piece.size()) {
    if (!(classes[static_cast<uint8_t>(piece[at])] & kInWord)) {
      ++at;
      continue;
    }
    const size_t end = AsciiWordEnd(classes, piece, at);
    const size_t size = end - at < kMaxWordBytes ? end - at : kMaxWordBytes;
    char folded[kMaxWordBytes];
    bool alphanumeric = false;
    for (size_t i = 0; i < size; ++i) {
      const char c = piece[at + i];
      folded[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
      alphanumeric |= (folded[i] >= 'a' && folded[i] <= 'z') || (c >= '0' && c <= '9');
    }
    if (alphanumeric) visit(std::string_view(folded, size));
    at = end;
  }
}

void WordScanner::ScanIcu(std::string_view piece, Visit visit) {
  if (piece.empty()) return;
  UErrorCode error = U_ZERO_ERROR;
  utext_openUTF8(&icu_->text, piece.data(), static_cast<int64_t>(piece.size()), &error);
  icu_->iterator->setText(&icu_->text, error);
  KITH_CHECK(U_SUCCESS(error), "a UText over memory cannot fail to open");
  int32_t begin = icu_->iterator->first();
  for (int32_t end = icu_->iterator->next(); end != icu::BreakIterator::DONE;
       begin = end, end = icu_->iterator->next()) {
    // Spaces and punctuation have a status of their own.
    if (icu_->iterator->getRuleStatus() < UBRK_WORD_NONE_LIMIT) continue;
    FoldIcu(piece.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), visit);
  }
}

void WordScanner::FoldIcu(std::string_view word, Visit visit) {
  word = CutAtCharacter(word, kMaxWordBytes);
  if (!HasAlphanumeric(word)) return;
  // The typographic apostrophe: stemmers know the plain one alone.
  icu_->lower.assign(word);
  constexpr std::string_view kApostrophe = "\xe2\x80\x99";
  for (size_t at = icu_->lower.find(kApostrophe); at != std::string::npos;
       at = icu_->lower.find(kApostrophe, at)) {
    icu_->lower.replace(at, kApostrophe.size(), "'");
  }
  UErrorCode error = U_ZERO_ERROR;
  if (turkish_) {
    icu_->folded.clear();
    icu::StringByteSink<std::string> sink(&icu_->folded);
    icu::CaseMap::utf8ToLower("tr", 0, icu_->lower, sink, nullptr, error);
    icu_->lower.swap(icu_->folded);
  }
  icu_->folded.clear();
  icu::StringByteSink<std::string> sink(&icu_->folded);
  icu_->folding.normalizeUTF8(0, icu_->lower, sink, nullptr, error);
  KITH_CHECK(U_SUCCESS(error), "folding a kilobyte fails only without memory");
  if (!icu_->folded.empty()) visit(icu_->folded);
}

std::string_view CutAtCharacter(std::string_view text, size_t size) {
  if (text.size() <= size) return text;
  // Back over the bytes that continue a character, of which valid text has three at most.
  size_t end = size;
  while (end > 0 && size - end < 3 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace kith::index
