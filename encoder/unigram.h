// Unigram, the tokenizer of XLM-RoBERTa and its family (Kudo, 2018, "Subword Regularization"; the
// SentencePiece library): the text is normalised by a map that came with the model, cut into words
// at white space, each marked by "▁" at its front, and a word becomes the pieces whose logarithmic
// probabilities have the largest sum (Viterbi). Characters that no piece spells become the unknown
// token, one for a run of them.
//
// Thread-safety: immutable after Create.

#ifndef KITH_ENCODER_UNIGRAM_H_
#define KITH_ENCODER_UNIGRAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/added_tokens.h"
#include "encoder/byte_trie.h"
#include "encoder/precompiled_charsmap.h"
#include "encoder/tokenizer.h"
#include "encoder/vocabulary.h"

namespace kith::encoder {

// What a model's files say, whichever files they were.
struct UnigramConfig : Vocabulary {
  // A piece is at most so many bytes long: it bounds the steps that a character of text costs.
  static constexpr size_t kMaxPieceBytes = 512;

  std::vector<double> scores;  // by id; of tokens that are not in the model: not looked at
  std::string charsmap;        // PrecompiledCharsmap; empty: none
  // What ends a word: all white space, which is dropped; or each plain space, which begins the next
  // one (several in a row are then words of their own, unless they are collapsed).
  bool split_at_white_space = true;
  bool collapse_spaces = false;
};

class Unigram final : public Tokenizer {
 public:
  // Fails with FAILED_PRECONDITION / INVALID_MODEL, naming `file`, where a bound is passed, an id
  // is outside the vocabulary, or a score is not a number.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> Create(std::string_view file,
                                                                 UnigramConfig config);

  void Tokenize(std::string_view text, std::vector<Token>* tokens) const override;
  int32_t vocab_size() const override { return static_cast<int32_t>(vocabulary_.size()); }
  std::string_view TokenText(int32_t id) const override;

 private:
  class Word;

  Unigram(UnigramConfig config, PrecompiledCharsmap charsmap);
  void TokenizePlain(std::string_view text, size_t begin, size_t end, Word* word,
                     std::vector<Token>* tokens) const;
  void AppendPieces(Word* word, std::vector<Token>* tokens) const;

  // All constant after construction.
  const std::vector<Vocabulary::Entry> vocabulary_;
  const AddedTokens added_tokens_;
  const std::vector<double> scores_;
  const PrecompiledCharsmap charsmap_;
  const bool split_at_white_space_;
  const bool collapse_spaces_;
  const ByteTrie pieces_;
  double unknown_score_ = 0;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_UNIGRAM_H_
