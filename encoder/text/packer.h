// PassagePacker: sentences to passages, greedily and within a budget of tokens. One packer serves
// one text.
//
// How: a section's sentences become units with their token counts (of a sentence over the budget,
// its fragments do). A passage takes units while their sum fits, goes back to the last end of a
// paragraph if that leaves it half full, and is then counted for real, heading path and all, since
// the sum of the parts' tokens need not be the whole's: what is over by that count gives units
// back. The next passage begins with the last units of this one, as far as the overlap allows.
//
// Thread-safety: one thread at a time.

#ifndef KITH_ENCODER_TEXT_PACKER_H_
#define KITH_ENCODER_TEXT_PACKER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "encoder/text/fragments.h"
#include "encoder/text/sentences.h"
#include "encoder/text/splitter.h"
#include "encoder/text/token_counter.h"
#include "kith/base/call.h"

namespace kith::encoder {

class PassagePacker {
 public:
  // REQUIRES: text is valid UTF-8 and outlives the packer, as do `counter` and `passages`.
  PassagePacker(std::string_view text, uint32_t budget, uint32_t overlap_tokens,
                size_t max_passages, TokenCounter* counter, std::vector<PassageSpan>* passages)
      : text_(text),
        budget_(budget),
        overlap_tokens_(overlap_tokens),
        max_passages_(max_passages),
        counter_(*counter),
        passages_(*passages) {}

  // Appends the passages of one section, each with `heading_path`, which has at most a quarter of
  // the budget.
  absl::Status Pack(Span section, std::string heading_path, const Call& call);

 private:
  struct Unit {
    Span span;
    uint32_t tokens;
    bool ends_paragraph;
  };

  void ReadUnits(Span section);
  size_t OverlapStart(size_t next, size_t previous_first) const;
  size_t FillFrom(size_t first, size_t next) const;
  absl::Status PackFrom(size_t* first, size_t* next, const Call& call);
  absl::Status EmitPiece(size_t* next);
  absl::Status Emit(Span span, uint32_t tokens);

  uint32_t CountFor(Span span) { return counter_.Count(heading_path_, span.Of(text_)); }

  // Constant after construction.
  const std::string_view text_;
  const uint32_t budget_;
  const uint32_t overlap_tokens_;
  const size_t max_passages_;
  TokenCounter& counter_;
  std::vector<PassageSpan>& passages_;

  // Of the section at hand.
  std::string heading_path_;
  uint32_t body_budget_ = 0;  // what the heading path leaves
  std::vector<Unit> units_;

  SentenceReader sentences_;
  FragmentCutter fragments_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TEXT_PACKER_H_
