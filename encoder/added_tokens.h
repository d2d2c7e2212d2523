// AddedTokens finds the tokens that are written out in a text ("[MASK]") before anything is
// normalised. Where several begin at the same byte the longest wins, and matches do not overlap, as
// in Hugging Face's AddedVocabulary.
//
// Thread-safety: immutable after construction.

#ifndef KITH_ENCODER_ADDED_TOKENS_H_
#define KITH_ENCODER_ADDED_TOKENS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "encoder/byte_trie.h"
#include "encoder/tokenizer.h"

namespace kith::encoder {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool single_word = false;  // not where a word character touches it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // and that after it
};

class AddedTokens {
 public:
  struct Match {
    int32_t id;
    size_t begin, end;
  };

  // REQUIRES: contents are distinct.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  // The first match at or after `from`; false when there is none. Going on at `match->end` finds
  // all, in time linear in the text (times the longest content).
  bool FindNext(std::string_view text, size_t from, Match* match) const;

 private:
  size_t NextCandidate(std::string_view text, size_t from) const;

  // Constant after construction.
  std::vector<AddedToken> tokens_;
  ByteTrie trie_;                        // content -> place in tokens_
  std::array<bool, 256> first_bytes_{};  // some content begins with it
  int only_first_byte_ = -1;             // when there is just one
};

// The whole of Tokenizer::Tokenize: the tokens that are written out in `text`, and what
// plain(begin, end) appends for the stretches between them.
template <typename TokenizePlain>
void TokenizeAround(const AddedTokens& added, std::string_view text, std::vector<Token>* tokens,
                    const TokenizePlain& plain) {
  tokens->clear();
  size_t at = 0;
  AddedTokens::Match match;
  while (added.FindNext(text, at, &match)) {
    plain(at, match.begin);
    tokens->push_back(
        {match.id, static_cast<uint32_t>(match.begin), static_cast<uint32_t>(match.end)});
    at = match.end;
  }
  plain(at, text.size());
}

}  // namespace kith::encoder

#endif  // KITH_ENCODER_ADDED_TOKENS_H_
