// WordPiece, the tokenizer of the BERT family: text is normalised, cut into words at white space,
// punctuation and ideographs, and each word is spelled with the longest pieces of the vocabulary,
// from left to right; a word that cannot be spelled becomes the unknown token.
//
// Words of ASCII letters between ASCII neighbours, nearly all of English, take a fast path: a table
// lower-cases their bytes on the way into the trie, and nothing is copied. Everything else goes
// through NormalizedStream one character at a time, with the same result.
//
// Thread-safety: immutable after Create.

#ifndef KITH_ENCODER_WORDPIECE_H_
#define KITH_ENCODER_WORDPIECE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/added_tokens.h"
#include "encoder/bert_normalizer.h"
#include "encoder/byte_trie.h"
#include "encoder/tokenizer.h"
#include "encoder/vocabulary.h"

namespace kith::encoder {

// What a model's files say, whichever files they were.
struct WordPieceConfig : Vocabulary {
  std::string continuing_prefix = "##";
  uint32_t max_word_characters = 100;
  BertNormalizerOptions normalizer;
};

class WordPiece final : public Tokenizer {
 public:
  // A bound that no model comes near, on the time for a hostile word.
  static constexpr uint32_t kMaxWordCharacters = 256;

  // Fails with FAILED_PRECONDITION / INVALID_MODEL, naming `file`, where a bound is passed or an id
  // is outside the vocabulary.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> Create(std::string_view file,
                                                                 WordPieceConfig config);

  void Tokenize(std::string_view text, std::vector<Token>* tokens) const override;
  int32_t vocab_size() const override { return static_cast<int32_t>(vocabulary_.size()); }
  std::string_view TokenText(int32_t id) const override;

  // Tokenize without the fast path: the oracle of its test.
  void TokenizeWithoutFastPath(std::string_view text, std::vector<Token>* tokens) const;

 private:
  class WordBuffer;

  // What a byte is to the fast path.
  enum class ByteClass : uint8_t { kWord, kAlone, kSpace, kSlow };

  explicit WordPiece(WordPieceConfig config);
  void FillByteTables();

  void TokenizeFast(std::string_view text, size_t begin, size_t end,
                    std::vector<Token>* tokens) const;
  void TokenizeSlow(std::string_view text, size_t begin, size_t end,
                    std::vector<Token>* tokens) const;
  template <typename Word>
  void AppendPieces(const Word& word, std::vector<Token>* tokens) const;

  // All constant after construction.
  const std::vector<WordPieceConfig::Entry> vocabulary_;
  const AddedTokens added_tokens_;
  const uint32_t max_word_characters_;
  const BertNormalizerOptions normalizer_;
  const ByteTrie initial_;     // pieces that begin a word
  const ByteTrie continuing_;  // pieces that go on with one, without their prefix
  std::array<ByteClass, 256> byte_class_;
  std::array<unsigned char, 256> lowered_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_WORDPIECE_H_
