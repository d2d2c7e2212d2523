// Sentences of a section, by Unicode's rules (annex 29) over text whose wrapped lines were joined:
// those rules end a sentence at every line end, but in plain text and Markdown most line ends are
// wrapping. Line ends count before blocks (list items, table rows, quotes), inside fenced code and
// at blank lines.
//
// Thread-safety: one thread at a time.

#ifndef KITH_ENCODER_TEXT_SENTENCES_H_
#define KITH_ENCODER_TEXT_SENTENCES_H_

#include <string>
#include <string_view>
#include <vector>

#include "encoder/text/boundaries.h"
#include "encoder/text/span.h"

namespace kith::encoder {

struct Sentence {
  Span span;                    // neither begins nor ends with white space
  bool ends_paragraph = false;  // a blank line follows, or the end
};

class SentenceReader {
 public:
  SentenceReader() : boundaries_(Boundaries::Kind::kSentence) {}

  // Begins with text[section]. REQUIRES: `text` is valid UTF-8 below 2 GiB and outlives the walk.
  void Start(std::string_view text, Span section);

  // The next sentence that is not blank; false at the end. Between two sentences lies nothing but
  // white space.
  bool Next(Sentence* sentence);

 private:
  bool NextSpan(Span* span);

  Boundaries boundaries_;
  std::string_view text_;
  Span section_;
  std::string joined_;  // the section with a space for each line end that is just wrapping
  uint32_t at_ = 0;     // where the next sentence begins in joined_
  Span ahead_;          // the sentence after the last one given out; empty: none
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TEXT_SENTENCES_H_
