#include "encoder/bert_normalizer.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include <algorithm>

#include "encoder/utf8.h"
#include "kith/base/check.h"

namespace kith::encoder {
namespace {

// Other than these white-space characters, what is Cc, Cf or Co counts as control. Unassigned code
// points (Cn) do not: an emoji newer than this ICU must stay the unknown token that it was to the
// model's own tokenizer.
bool IsControl(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  constexpr uint32_t kControl = U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK;
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & kControl) != 0;
}

bool IsSpace(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0; }

// The blocks that the original BERT listed. The last range but two begins at 2B920 and not 2B820 in
// Hugging Face's library, so in ours: ids must be the same.
bool IsIdeograph(char32_t c) {
  if (c < 0x3400) return false;
  return (c >= 0x4E00 && c <= 0x9FFF) || (c <= 0x4DBF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

// Unicode's punctuation, and all of ASCII that is neither letter, digit, space nor control ("$",
// "+").
bool IsPunctuation(char32_t c) {
  if (c < 0x80) {
    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
           (c >= 123 && c <= 126);
  }
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_P_MASK) != 0;
}

const UNormalizer2* Nfd() {
  static const UNormalizer2* const nfd = [] {
    UErrorCode error = U_ZERO_ERROR;
    const UNormalizer2* instance = unorm2_getNFDInstance(&error);
    KITH_CHECK(U_SUCCESS(error), "NFD's data are compiled into ICU");
    return instance;
  }();
  return nfd;
}

}  // namespace

bool NormalizedStream::Next(NormalizedChar* out) {
  while (next_ == ready_.size()) {
    ready_.clear();
    next_ = 0;
    if (offset_ < text_.size()) {
      ConsumeCodePoint();
    } else if (!marks_.empty()) {
      FlushMarks();
    } else {
      return false;
    }
  }
  *out = ready_[next_++];
  return true;
}

void NormalizedStream::ConsumeCodePoint() {
  const CodePoint code_point = DecodeUtf8(text_, offset_);
  const char32_t c = code_point.value;
  const auto begin = static_cast<uint32_t>(offset_);
  const uint32_t end = begin + code_point.size_bytes;
  offset_ = end;

  if (options_.clean_text) {
    if (c == 0 || c == kReplacementCharacter || IsControl(c)) return EmitDropped(begin, end);
    if (IsSpace(c)) {
      FlushMarks();
      return Emit(' ', begin, end, false);
    }
  }
  const bool alone = options_.handle_chinese_chars && IsIdeograph(c);
  if (options_.strip_accents && c >= 0x80) return ConsumeDecomposed(c, begin, end, alone);
  FlushMarks();
  EmitLowered(c, begin, end, alone);
}

void NormalizedStream::ConsumeDecomposed(char32_t c, uint32_t begin, uint32_t end, bool alone) {
  UChar units[32];  // the longest canonical decomposition takes four code points
  UErrorCode error = U_ZERO_ERROR;
  int32_t count =
      unorm2_getDecomposition(Nfd(), static_cast<UChar32>(c), units, std::size(units), &error);
  if (count < 0 || U_FAILURE(error)) {  // it has none
    count = 0;
    U16_APPEND_UNSAFE(units, count, static_cast<UChar32>(c));
  }
  for (int32_t i = 0; i < count;) {
    UChar32 part;
    U16_NEXT(units, i, count, part);
    const uint8_t combining_class = u_getCombiningClass(part);
    // A starter ends the run, also when it is a mark that is dropped itself.
    if (combining_class == 0) FlushMarks();
    if (u_charType(part) == U_NON_SPACING_MARK) {
      EmitDropped(begin, end);
    } else if (combining_class != 0) {
      marks_.push_back({combining_class, static_cast<char32_t>(part), begin, end});
    } else {
      EmitLowered(static_cast<char32_t>(part), begin, end, alone);
    }
  }
}

void NormalizedStream::EmitLowered(char32_t c, uint32_t begin, uint32_t end, bool alone) {
  if (!options_.lowercase) return Emit(c, begin, end, alone);
  if (c == 0x130) {  // the only code point whose lower case, out of context, is more than one
    Emit('i', begin, end, alone);
    return Emit(0x307, begin, end, alone);
  }
  Emit(static_cast<char32_t>(u_tolower(static_cast<UChar32>(c))), begin, end, alone);
}

void NormalizedStream::Emit(char32_t c, uint32_t begin, uint32_t end, bool alone) {
  using Kind = NormalizedChar::Kind;
  const Kind kind = alone || IsPunctuation(c) ? Kind::kAlone
                    : IsSpace(c)              ? Kind::kSpace
                                              : Kind::kWord;
  ready_.push_back({c, begin, end, kind});
}

void NormalizedStream::EmitDropped(uint32_t begin, uint32_t end) {
  if (!marks_.empty()) {
    marks_.back().end = end;  // still in text order
    return;
  }
  ready_.push_back({0, begin, end, NormalizedChar::Kind::kDropped});
}

// Canonical order: by combining class, else as written. What changes places stands for the whole
// run of bytes, so that offsets go on rising.
void NormalizedStream::FlushMarks() {
  if (marks_.empty()) return;
  const auto by_class = [](const Mark& a, const Mark& b) {
    return a.combining_class < b.combining_class;
  };
  if (!std::is_sorted(marks_.begin(), marks_.end(), by_class)) {
    const uint32_t begin = marks_.front().begin;
    const uint32_t end = marks_.back().end;
    std::stable_sort(marks_.begin(), marks_.end(), by_class);
    for (Mark& mark : marks_) {
      mark.begin = begin;
      mark.end = end;
    }
  }
  for (const Mark& mark : marks_) EmitLowered(mark.value, mark.begin, mark.end, false);
  marks_.clear();
}

}  // namespace kith::encoder
