// Boundaries of sentences, words and grapheme clusters in UTF-8, by ICU's rules for no language in
// particular (Unicode annex 29, with dictionaries for Thai, Lao, Khmer, Burmese, Chinese and
// Japanese words). The only file that knows ICU's break iterators.
//
// Making one costs some ten microseconds; a walk is linear in the text.
//
// Thread-safety: one thread at a time.

#ifndef KITH_ENCODER_TEXT_BOUNDARIES_H_
#define KITH_ENCODER_TEXT_BOUNDARIES_H_

#include <cstdint>
#include <memory>
#include <string_view>

namespace kith::encoder {

class Boundaries {
 public:
  enum class Kind { kSentence, kWord, kGrapheme };
  static constexpr uint32_t kDone = 0xFFFFFFFF;

  explicit Boundaries(Kind kind);
  ~Boundaries();
  Boundaries(const Boundaries&) = delete;
  Boundaries& operator=(const Boundaries&) = delete;

  // Begins a walk over `text`, which must outlive it. REQUIRES: valid UTF-8 below 2 GiB.
  void Start(std::string_view text);

  // The next boundary after 0, as a byte offset; the last one is the text's size; then kDone.
  uint32_t Next();

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TEXT_BOUNDARIES_H_
