// Tokenizer: text to the token ids that a model was trained on. The encoder feeds them to the
// model, the splitter counts them, the server shows them.
//
//   KITH_ASSIGN_OR_RETURN(auto tokenizer, Tokenizer::Load(model_dir));
//   std::vector<Token> tokens;
//   tokenizer->Tokenize("Hello, world", &tokens);
//   // Input of the model: special().cls, the ids of tokens, special().sep.
//
// Thread-safety: a Tokenizer never changes after Load, and any number of threads may use it at
// once.

#ifndef KITH_ENCODER_TOKENIZER_H_
#define KITH_ENCODER_TOKENIZER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace kith::encoder {

struct Token {
  int32_t id;           // in [0, vocab_size())
  uint32_t begin, end;  // byte offsets into the original text: [begin, end)
};

// Ids that a model gives a meaning of its own, as its files say.
struct SpecialTokens {
  int32_t cls = 0;  // put before a sequence
  int32_t sep = 0;  // put after it
  int32_t unk = 0;  // stands for a word that the vocabulary cannot spell
  std::optional<int32_t> pad, mask;

  // How a pair of texts is written: cls A sep B sep, with one or two sep in the middle. 0: the
  // files do not say, or in a way that is not supported.
  int pair_separators = 0;
  int second_segment = 0;  // segment (token type) of B and its sep; A is segment 0
};

class Tokenizer {
 public:
  // Reads the tokenizer of the model in `model_dir`: WordPiece, byte-level BPE or Unigram, from
  // tokenizer.json, which decides alone when it is there, or from their older files
  // (tokenizer_files.h). Files that are missing, damaged, over 32 MiB or ask for what is not
  // supported fail with FAILED_PRECONDITION / INVALID_MODEL in a sentence that names file, what was
  // found and what is supported.
  //
  // `lower_case` is sentence-transformers' do_lower_case: letters are lower-cased whatever the
  // tokenizer's own files say; WordPiece only. Done here rather than before, it leaves the offsets
  // right.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> Load(
      const std::filesystem::path& model_dir, bool lower_case = false);

  virtual ~Tokenizer() = default;
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // Replaces `*tokens` by the tokens of `text`, in order: `begin` and `end` never go down from one
  // token to the next. No special tokens are put around them and nothing is truncated; special
  // tokens that are written in the text ("[MASK]") are recognised. Bytes that are not UTF-8 count
  // as U+FFFD, one a maximal subpart. Time and memory are linear in the text, whatever it holds.
  // REQUIRES: text.size() < 4 GiB.
  virtual void Tokenize(std::string_view text, std::vector<Token>* tokens) const = 0;

  // Ids are dense: 0 .. vocab_size() - 1, added tokens included.
  virtual int32_t vocab_size() const = 0;

  // The vocabulary's own spelling ("##ing", "[CLS]"); empty for an id out of range. Lives as long
  // as the tokenizer.
  virtual std::string_view TokenText(int32_t id) const = 0;

  const SpecialTokens& special() const { return special_; }

 protected:
  explicit Tokenizer(const SpecialTokens& special) : special_(special) {}

 private:
  const SpecialTokens special_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TOKENIZER_H_
