// Fragments: the pieces of a sentence that is too long for a passage. They end after a line, else
// before a word, else between grapheme clusters, and only inside a cluster that is too long alone.
//
// Time is linear in the sentence. Thread-safety: one thread at a time.

#ifndef KITH_ENCODER_TEXT_FRAGMENTS_H_
#define KITH_ENCODER_TEXT_FRAGMENTS_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "encoder/text/boundaries.h"
#include "encoder/text/span.h"
#include "encoder/tokenizer.h"

namespace kith::encoder {

class FragmentCutter {
 public:
  // Cuts text[sentence], whose tokens are `tokens` (their offsets count from the sentence's begin),
  // into pieces of at most `max_tokens` of them, appended to `fragments` without the white space
  // between them. A grapheme cluster of more tokens is one piece of up to `max_cluster_tokens`.
  // REQUIRES: text is valid UTF-8; sentence is not blank; 0 < max_tokens <= max_cluster_tokens.
  void Cut(std::string_view text, Span sentence, const std::vector<Token>& tokens,
           size_t max_tokens, size_t max_cluster_tokens, std::vector<Span>* fragments);

 private:
  // How good it is to cut before a token.
  enum Quality : uint8_t { kNever, kInCluster, kCluster, kWord, kSpace, kLine };

  void RateGaps(std::string_view sentence, const std::vector<Token>& tokens);
  void RateClusters(std::string_view sentence, const std::vector<Token>& tokens);
  void RateWords(std::string_view sentence, const std::vector<Token>& tokens, size_t max_tokens);
  size_t CutAfter(size_t first, size_t max_tokens, size_t max_cluster_tokens) const;

  std::vector<Quality> quality_;  // by token
  // Made when they are first needed: most texts hold no such sentence.
  std::unique_ptr<Boundaries> clusters_, words_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TEXT_FRAGMENTS_H_
