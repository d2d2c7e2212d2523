// BERT's normaliser, as Hugging Face's BertNormalizer does it: control characters vanish, white
// space becomes a space, CJK ideographs stand alone, accents are stripped (by canonical
// decomposition) and letters lower-cased. It hands out one normalised character after the other,
// each with the bytes of the original text that it stands for.
//
//   NormalizedStream stream(options, text, 0, text.size());
//   NormalizedChar c;
//   while (stream.Next(&c)) ...
//
// How characters are classed follows the Unicode version of the ICU library at hand; code points
// that it does not know are kept as they are.
//
// Thread-safety: a stream belongs to one thread.

#ifndef KITH_ENCODER_BERT_NORMALIZER_H_
#define KITH_ENCODER_BERT_NORMALIZER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace kith::encoder {

struct BertNormalizerOptions {
  bool clean_text = true;            // drop control characters, make white space plain
  bool handle_chinese_chars = true;  // ideographs are words of their own
  bool strip_accents = true;         // decompose, then drop non-spacing marks
  bool lowercase = true;             // each code point for itself: no final sigma
};

struct NormalizedChar {
  enum class Kind : uint8_t {
    kWord,     // part of a word
    kAlone,    // a word of its own: punctuation, ideographs
    kSpace,    // ends a word
    kDropped,  // nothing is left of these bytes; they belong to what came before
  };
  char32_t value;
  uint32_t begin, end;  // bytes of the original text: [begin, end)
  Kind kind;
};

class NormalizedStream {
 public:
  // Of text[begin, end). REQUIRES: `text` outlives the stream; begin <= end <= text.size() < 4 GiB.
  NormalizedStream(const BertNormalizerOptions& options, std::string_view text, size_t begin,
                   size_t end)
      : options_(options), text_(text.substr(0, end)), offset_(begin) {}

  // The next character, in text order: `begin` and `end` never go down. False at the end.
  bool Next(NormalizedChar* out);

 private:
  void ConsumeCodePoint();
  void ConsumeDecomposed(char32_t value, uint32_t begin, uint32_t end, bool alone);
  void EmitLowered(char32_t value, uint32_t begin, uint32_t end, bool alone);
  void Emit(char32_t value, uint32_t begin, uint32_t end, bool alone);
  void EmitDropped(uint32_t begin, uint32_t end);
  void FlushMarks();

  struct Mark {
    uint8_t combining_class;
    char32_t value;
    uint32_t begin, end;
  };

  // Constant after construction.
  const BertNormalizerOptions options_;
  const std::string_view text_;  // its end is the stream's

  size_t offset_;                      // of the next code point
  std::vector<NormalizedChar> ready_;  // normalised; ready_[next_] is handed out next
  size_t next_ = 0;
  // A run of marks that survive the stripping (spacing ones with a combining class), in text order:
  // canonical order is known when the run ends.
  std::vector<Mark> marks_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_BERT_NORMALIZER_H_
