#include "encoder/tokenizer_files.h"

#include <system_error>

#include "encoder/invalid_model.h"

namespace kith::encoder {

std::vector<std::string> TokenizerFiles(const std::filesystem::path& dir) {
  const auto present = [&](const char* name) {
    std::error_code ignored;
    return std::filesystem::exists(dir / name, ignored);
  };
  if (present(kTokenizerJson)) return {kTokenizerJson};
  if (present(kVocabularyJson)) return {kVocabularyJson, kMergesTxt};
  if (present(kSentencePieceModel)) return {kSentencePieceModel};
  if (present(kVocabularyTxt)) return {kVocabularyTxt};
  return {};
}

absl::StatusOr<TokenizerConfig> ReadTokenizer(const std::filesystem::path& dir) {
  const std::vector<std::string> files = TokenizerFiles(dir);
  if (files.empty()) {
    return InvalidModel("{}: no tokenizer: neither {}, {}, {} nor {} is there", dir.string(),
                        kTokenizerJson, kVocabularyJson, kSentencePieceModel, kVocabularyTxt);
  }
  if (files[0] == kTokenizerJson) return ReadTokenizerJson(dir);
  if (files[0] == kVocabularyJson) return ReadVocabularyJson(dir);
  if (files[0] == kSentencePieceModel) return ReadSentencePiece(dir);
  return ReadVocabularyTxt(dir);
}

}  // namespace kith::encoder
