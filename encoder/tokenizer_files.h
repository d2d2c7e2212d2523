// The ways in which a directory describes its tokenizer, each read into the config of one kind. All
// files are untrusted: sizes, types and ids are checked before use, and errors are
// FAILED_PRECONDITION / INVALID_MODEL naming file, key and what was found.

#ifndef KITH_ENCODER_TOKENIZER_FILES_H_
#define KITH_ENCODER_TOKENIZER_FILES_H_

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/byte_level_bpe.h"
#include "encoder/unigram.h"
#include "encoder/wordpiece.h"

namespace kith::encoder {

inline constexpr char kTokenizerJson[] = "tokenizer.json";
inline constexpr char kVocabularyTxt[] = "vocab.txt";
inline constexpr char kVocabularyJson[] = "vocab.json";
inline constexpr char kMergesTxt[] = "merges.txt";
inline constexpr char kSentencePieceModel[] = "sentencepiece.bpe.model";

using TokenizerConfig = std::variant<WordPieceConfig, BpeConfig, UnigramConfig>;

// The files of the tokenizer in `dir`, without tokenizer_config.json: tokenizer.json, which decides
// alone when it is there; else vocab.json and merges.txt, sentencepiece.bpe.model, or vocab.txt, in
// this order. Empty: there is none.
std::vector<std::string> TokenizerFiles(const std::filesystem::path& dir);

// Reads these files.
absl::StatusOr<TokenizerConfig> ReadTokenizer(const std::filesystem::path& dir);

// tokenizer.json, the format of Hugging Face's tokenizers library. Read are `model`, `normalizer`,
// `pre_tokenizer`, `post_processor` and `added_tokens`; `truncation` and `padding` are left alone,
// since the encoder's own maximum decides and sequences are never padded.
absl::StatusOr<TokenizerConfig> ReadTokenizerJson(const std::filesystem::path& dir);

// The older files, each with tokenizer_config.json. Where that is absent, the defaults of
// BertTokenizer, RobertaTokenizer and XLMRobertaTokenizer hold.
// vocab.txt: a token a line.
absl::StatusOr<WordPieceConfig> ReadVocabularyTxt(const std::filesystem::path& dir);
// vocab.json: the ids of the tokens; merges.txt: a pair a line.
absl::StatusOr<BpeConfig> ReadVocabularyJson(const std::filesystem::path& dir);
// sentencepiece.bpe.model: SentencePiece's own format, a Unigram model; ids are those of fairseq:
// <s>, <pad>, </s>, <unk>, the pieces, <mask>.
absl::StatusOr<UnigramConfig> ReadSentencePiece(const std::filesystem::path& dir);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TOKENIZER_FILES_H_
