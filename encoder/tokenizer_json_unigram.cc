#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "encoder/invalid_model.h"
#include "encoder/tokenizer_files.h"
#include "encoder/tokenizer_json.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

using nlohmann::json;

constexpr char kNormalizers[] =
    "supported are Precompiled, alone or before the replacement of spaces in a row by one";
constexpr char kPreTokenizers[] =
    "supported are Metaspace with the replacement \"\\u2581\" before every word, alone or after "
    "WhitespaceSplit";

// vocab: [piece, score] by id.
absl::StatusOr<TokenIds> ReadPieces(const JsonSection& model, UnigramConfig* config) {
  const json& pieces = model.Get("vocab");
  if (!pieces.is_array() || pieces.size() > Vocabulary::kMaxSize) {
    return InvalidModel("{}: model.vocab is {} of {}, it must be an array of at most {}",
                        kTokenizerJson, pieces.type_name(), pieces.size(), Vocabulary::kMaxSize);
  }
  TokenIds ids;
  for (size_t id = 0; id < pieces.size(); ++id) {
    const json& piece = pieces[id];
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number()) {
      return InvalidModel("{}: model.vocab[{}] must be [token, score]", kTokenizerJson, id);
    }
    const auto [known, is_new] = ids.emplace(piece[0].get<std::string>(), static_cast<int32_t>(id));
    if (!is_new) {
      return InvalidModel("{}: model.vocab[{}] and [{}] are both {}", kTokenizerJson, known->second,
                          id, Quoted(known->first));
    }
    config->scores.push_back(piece[1].get<double>());
  }
  return ids;
}

absl::Status ReadCharsmap(const JsonSection& normalizer, UnigramConfig* config) {
  KITH_ASSIGN_OR_RETURN(const std::string encoded, normalizer.String("precompiled_charsmap"));
  if (!absl::Base64Unescape(encoded, &config->charsmap)) {
    return InvalidModel("{}: {} is not base64", kTokenizerJson,
                        normalizer.PathOf("precompiled_charsmap"));
  }
  return absl::OkStatus();
}

// Replace of " {2,}" by " ".
bool CollapsesSpaces(const json& step) {
  return step.is_object() && step.value("type", "") == "Replace" &&
         step.value("content", "") == " " && step.contains("pattern") &&
         step["pattern"] == json({{"Regex", " {2,}"}});
}

absl::Status ReadNormalizer(const JsonSection& root, UnigramConfig* config) {
  KITH_ASSIGN_OR_RETURN(const std::string type, root.TypeOf("normalizer"));
  if (type == "Precompiled") {
    KITH_ASSIGN_OR_RETURN(const JsonSection normalizer, root.Object("normalizer"));
    return ReadCharsmap(normalizer, config);
  }
  if (type == "Sequence") {
    KITH_ASSIGN_OR_RETURN(const JsonSection sequence, root.Object("normalizer"));
    const json& steps = sequence.Get("normalizers");
    if (steps.is_array() && !steps.empty() && steps.size() <= 2 && steps[0].is_object() &&
        steps[0].value("type", "") == "Precompiled" &&
        (steps.size() == 1 || CollapsesSpaces(steps[1]))) {
      KITH_ASSIGN_OR_RETURN(const JsonSection normalizer,
                            JsonSection::Of(kTokenizerJson, steps[0], "normalizer.normalizers[0]"));
      config->collapse_spaces = steps.size() == 2;
      return ReadCharsmap(normalizer, config);
    }
  }
  return InvalidModel("{}: the normalizer ({}) is not supported; {}", kTokenizerJson, type,
                      kNormalizers);
}

bool IsMetaspace(const json& step) {
  if (!step.is_object() || step.value("type", "") != "Metaspace") return false;
  if (step.value("replacement", "\u2581") != "\u2581") return false;
  if (!step.value("split", true)) return false;
  return step.contains("prepend_scheme") ? step["prepend_scheme"] == "always"
                                         : step.value("add_prefix_space", true);
}

absl::Status ReadPreTokenizer(const JsonSection& root, UnigramConfig* config) {
  const json& words = root.Get("pre_tokenizer");
  config->split_at_white_space = false;
  if (IsMetaspace(words)) return absl::OkStatus();
  if (words.is_object() && words.value("type", "") == "Sequence" &&
      words.contains("pretokenizers")) {
    const json& steps = words["pretokenizers"];
    if (steps.is_array() && steps.size() == 2 && steps[0].is_object() &&
        steps[0].value("type", "") == "WhitespaceSplit" && IsMetaspace(steps[1])) {
      config->split_at_white_space = true;
      return absl::OkStatus();
    }
  }
  return InvalidModel("{}: this pre_tokenizer is not supported; {}", kTokenizerJson,
                      kPreTokenizers);
}

}  // namespace

absl::StatusOr<TokenIds> ReadUnigramParts(const JsonSection& root, UnigramConfig* config) try {
  KITH_ASSIGN_OR_RETURN(const JsonSection model, root.Object("model"));
  KITH_ASSIGN_OR_RETURN(const bool byte_fallback, model.Bool("byte_fallback", false));
  if (byte_fallback) {
    return InvalidModel("{}: model.byte_fallback is true; supported is false", kTokenizerJson);
  }
  KITH_ASSIGN_OR_RETURN(TokenIds ids, ReadPieces(model, config));
  KITH_ASSIGN_OR_RETURN(config->special.unk, model.Integer("unk_id", kMaxTokenId));
  KITH_RETURN_IF_ERROR(ReadNormalizer(root, config));
  KITH_RETURN_IF_ERROR(ReadPreTokenizer(root, config));
  return ids;
} catch (const json::exception& error) {
  // A value of another type than value() was given as the default.
  return InvalidModel("{}: {}", kTokenizerJson, error.what());
}

}  // namespace kith::encoder
