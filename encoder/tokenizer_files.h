// The two ways in which a directory describes a WordPiece tokenizer, each read into one
// WordPieceConfig. Both files are untrusted: sizes, types and ids are checked before use, and
// errors are FAILED_PRECONDITION / INVALID_MODEL naming file, key and what was found.

#ifndef KITH_ENCODER_TOKENIZER_FILES_H_
#define KITH_ENCODER_TOKENIZER_FILES_H_

#include <filesystem>

#include "absl/status/statusor.h"
#include "encoder/wordpiece.h"

namespace kith::encoder {

inline constexpr char kTokenizerJson[] = "tokenizer.json";
inline constexpr char kVocabularyTxt[] = "vocab.txt";

// tokenizer.json, the format of Hugging Face's tokenizers library. Read are `model`, `normalizer`,
// `pre_tokenizer`, `post_processor` and `added_tokens`; `truncation` and `padding` are left alone,
// since the encoder's own maximum decides and sequences are never padded.
absl::StatusOr<WordPieceConfig> ReadTokenizerJson(const std::filesystem::path& dir);

// vocab.txt, a token a line, with tokenizer_config.json (which may be absent: then the defaults of
// BertTokenizer hold, as in the original BERT).
absl::StatusOr<WordPieceConfig> ReadVocabularyTxt(const std::filesystem::path& dir);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TOKENIZER_FILES_H_
