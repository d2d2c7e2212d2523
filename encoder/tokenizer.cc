#include "encoder/tokenizer.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include "encoder/invalid_model.h"
#include "encoder/tokenizer_files.h"
#include "encoder/wordpiece.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

// Over a text that was lower-cased first, a token with capitals in it would never be found.
void LowerCaseAll(WordPieceConfig* config) {
  config->normalizer.lowercase = true;
  std::erase_if(config->added_tokens, [](const AddedToken& token) {
    return std::any_of(token.content.begin(), token.content.end(),
                       [](char byte) { return byte >= 'A' && byte <= 'Z'; });
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Tokenizer>> Tokenizer::Load(
    const std::filesystem::path& model_dir, bool lower_case) {
  const auto present = [&](const char* name) {
    std::error_code ignored;
    return std::filesystem::exists(model_dir / name, ignored);
  };
  std::string file = kTokenizerJson;
  absl::StatusOr<WordPieceConfig> read;
  if (present(kTokenizerJson)) {
    read = ReadTokenizerJson(model_dir);
  } else if (present(kVocabularyTxt)) {
    file = kVocabularyTxt;
    read = ReadVocabularyTxt(model_dir);
  } else {
    return InvalidModel("{}: no tokenizer: neither {} nor {} is there", model_dir.string(),
                        kTokenizerJson, kVocabularyTxt);
  }
  KITH_ASSIGN_OR_RETURN(WordPieceConfig config, std::move(read));
  if (lower_case) LowerCaseAll(&config);
  return WordPiece::Create(file, std::move(config));
}

}  // namespace kith::encoder
