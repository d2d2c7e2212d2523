// TokenCounter: how many tokens a passage has as it is encoded, with buffers that are used again.
//
// Thread-safety: one thread at a time.

#ifndef KITH_ENCODER_TEXT_TOKEN_COUNTER_H_
#define KITH_ENCODER_TEXT_TOKEN_COUNTER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "encoder/text/passage_text.h"
#include "encoder/tokenizer.h"

namespace kith::encoder {

class TokenCounter {
 public:
  explicit TokenCounter(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // The tokens of `text`; valid until the next call.
  const std::vector<Token>& Tokens(std::string_view text) {
    tokenizer_.Tokenize(text, &tokens_);
    return tokens_;
  }

  uint32_t Count(std::string_view heading_path, std::string_view text) {
    if (heading_path.empty()) return static_cast<uint32_t>(Tokens(text).size());
    return static_cast<uint32_t>(Tokens(PassageText(heading_path, text)).size());
  }

 private:
  const Tokenizer& tokenizer_;
  std::vector<Token> tokens_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TEXT_TOKEN_COUNTER_H_
