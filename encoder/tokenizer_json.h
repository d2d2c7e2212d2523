// What the loaders share: the parts of tokenizer.json that differ by kind of tokenizer (`model`,
// `normalizer` and `pre_tokenizer`; tokenizer_json.cc reads the rest), and the checks of ids.

#ifndef KITH_ENCODER_TOKENIZER_JSON_H_
#define KITH_ENCODER_TOKENIZER_JSON_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "encoder/byte_level_bpe.h"
#include "encoder/json_section.h"
#include "encoder/unigram.h"
#include "encoder/wordpiece.h"

namespace kith::encoder {

// Every token's id, as the file lists them.
using TokenIds = std::map<std::string, int32_t>;

inline constexpr int32_t kMaxTokenId = Vocabulary::kMaxSize - 1;

// The object under model.vocab: token -> id.
absl::StatusOr<TokenIds> ReadTokenIds(const JsonSection& model);

// The vocabulary in the order of its ids, which must be 0, 1, 2, ... without hole or double. Those
// of `added_only` may not be used by the algorithm.
absl::StatusOr<std::vector<Vocabulary::Entry>> EntriesById(std::string_view file,
                                                           const TokenIds& ids,
                                                           const TokenIds& added_only);

// Appends the merge of two tokens. INVALID_MODEL, naming `file`, when one of them or what they
// become is not in the vocabulary.
absl::Status AddMerge(std::string_view file, const std::string& left, const std::string& right,
                      const TokenIds& ids, BpeConfig* config);

// Each fills what is its kind's own, and special.unk. Vocabulary and added tokens come later.
absl::StatusOr<TokenIds> ReadWordPieceParts(const JsonSection& root, WordPieceConfig* config);
absl::StatusOr<TokenIds> ReadBpeParts(const JsonSection& root, BpeConfig* config);
absl::StatusOr<TokenIds> ReadUnigramParts(const JsonSection& root, UnigramConfig* config);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TOKENIZER_JSON_H_
