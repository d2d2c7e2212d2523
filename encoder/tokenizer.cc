#include "encoder/tokenizer.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

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

absl::Status LowerCaseRefused(std::string_view file) {
  return InvalidModel(
      "sentence_bert_config.json: do_lower_case is true, which is supported with WordPiece only; "
      "{} describes another tokenizer",
      file);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Tokenizer>> Tokenizer::Load(
    const std::filesystem::path& model_dir, bool lower_case) {
  KITH_ASSIGN_OR_RETURN(TokenizerConfig config, ReadTokenizer(model_dir));
  const std::string file = TokenizerFiles(model_dir).front();
  if (auto* bpe = std::get_if<BpeConfig>(&config)) {
    if (lower_case) return LowerCaseRefused(file);
    return ByteLevelBpe::Create(file, std::move(*bpe));
  }
  if (auto* unigram = std::get_if<UnigramConfig>(&config)) {
    if (lower_case) return LowerCaseRefused(file);
    return Unigram::Create(file, std::move(*unigram));
  }
  auto& word_piece = std::get<WordPieceConfig>(config);
  if (lower_case) LowerCaseAll(&word_piece);
  return WordPiece::Create(file, std::move(word_piece));
}

}  // namespace kith::encoder
