// Byte-level BPE, the tokenizer of the RoBERTa family (Sennrich et al., 2016; Radford et al.,
// 2019): a text is cut into words (byte_level.h), a word into its bytes, and the pair of neighbours
// that comes first in the list of merges becomes one token, again and again, until no pair is in
// it.
//
// Most words are tokens as a whole: those are looked up in a trie of the tokens that merging gives
// back as they are. The others are merged with a heap of pairs: n log n of the word.
//
// Thread-safety: immutable after Create.

#ifndef KITH_ENCODER_BYTE_LEVEL_BPE_H_
#define KITH_ENCODER_BYTE_LEVEL_BPE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "encoder/added_tokens.h"
#include "encoder/byte_trie.h"
#include "encoder/tokenizer.h"
#include "encoder/vocabulary.h"

namespace kith::encoder {

// What a model's files say, whichever files they were.
struct BpeConfig : Vocabulary {
  static constexpr size_t kMaxMerges = 1'000'000;

  struct Merge {
    int32_t left, right, result;  // ids
    friend bool operator==(const Merge&, const Merge&) = default;
  };
  std::vector<Merge> merges;  // those that come first go first
  bool add_prefix_space = false;
};

class ByteLevelBpe final : public Tokenizer {
 public:
  // Fails with FAILED_PRECONDITION / INVALID_MODEL, naming `file`, where a bound is passed, an id
  // is outside the vocabulary, or a byte has no token.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> Create(std::string_view file,
                                                                 BpeConfig config);

  void Tokenize(std::string_view text, std::vector<Token>* tokens) const override;
  int32_t vocab_size() const override { return static_cast<int32_t>(vocabulary_.size()); }
  std::string_view TokenText(int32_t id) const override;

 private:
  struct Ranked {
    uint32_t rank;
    int32_t result;
  };
  // A token under way, in a list of neighbours.
  struct Symbol {
    int32_t id;
    uint32_t begin, end;
    int32_t previous, next;  // -1: none
  };
  class Merger;

  explicit ByteLevelBpe(BpeConfig config);
  void TokenizePlain(std::string_view text, size_t begin, size_t end, Merger* merger,
                     std::vector<Token>* tokens) const;
  bool IsWholeWord(std::string_view word, int32_t* id) const;

  static uint64_t PairKey(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }

  // All constant after construction.
  const std::vector<Vocabulary::Entry> vocabulary_;
  const AddedTokens added_tokens_;
  const bool add_prefix_space_;
  std::array<int32_t, 256> byte_ids_ = {};
  absl::flat_hash_map<uint64_t, Ranked> merges_;
  std::unique_ptr<const ByteTrie> whole_words_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_BYTE_LEVEL_BPE_H_
