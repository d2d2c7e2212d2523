#include <optional>
#include <utility>

#include "encoder/invalid_model.h"
#include "encoder/tokenizer_files.h"
#include "encoder/tokenizer_json.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

using nlohmann::json;

absl::Status ReadNormalizer(const JsonSection& root, BertNormalizerOptions* out) {
  KITH_RETURN_IF_ERROR(root.RequireType("normalizer", "BertNormalizer"));
  KITH_ASSIGN_OR_RETURN(const JsonSection section, root.Object("normalizer"));
  KITH_ASSIGN_OR_RETURN(out->clean_text, section.Bool("clean_text", true));
  KITH_ASSIGN_OR_RETURN(out->handle_chinese_chars, section.Bool("handle_chinese_chars", true));
  KITH_ASSIGN_OR_RETURN(out->lowercase, section.Bool("lowercase", true));
  KITH_ASSIGN_OR_RETURN(const std::optional<bool> strip, section.OptionalBool("strip_accents"));
  out->strip_accents = strip.value_or(out->lowercase);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenIds> ReadWordPieceParts(const JsonSection& root, WordPieceConfig* config) {
  KITH_ASSIGN_OR_RETURN(const JsonSection model, root.Object("model"));
  // Files of the library's first versions do not name the type of a WordPiece model.
  if (!model.Get("type").is_null() || model.Get("continuing_subword_prefix").is_null()) {
    KITH_RETURN_IF_ERROR(root.RequireType("model", "WordPiece"));
  }
  KITH_ASSIGN_OR_RETURN(config->continuing_prefix, model.String("continuing_subword_prefix"));
  if (const json& limit = model.Get("max_input_chars_per_word"); !limit.is_null()) {
    KITH_ASSIGN_OR_RETURN(const int32_t characters,
                          model.Integer("max_input_chars_per_word", WordPiece::kMaxWordCharacters));
    config->max_word_characters = static_cast<uint32_t>(characters);
  }
  KITH_ASSIGN_OR_RETURN(TokenIds ids, ReadTokenIds(model));
  KITH_ASSIGN_OR_RETURN(const std::string unknown, model.String("unk_token"));
  const auto it = ids.find(unknown);
  if (it == ids.end()) {
    return InvalidModel("{}: the unknown token {} is not in the vocabulary", kTokenizerJson,
                        Quoted(unknown));
  }
  config->special.unk = it->second;
  KITH_RETURN_IF_ERROR(ReadNormalizer(root, &config->normalizer));
  KITH_RETURN_IF_ERROR(root.RequireType("pre_tokenizer", "BertPreTokenizer"));
  return ids;
}

}  // namespace kith::encoder
