#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "encoder/invalid_model.h"
#include "encoder/tokenizer_files.h"
#include "encoder/tokenizer_json.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

using nlohmann::json;

// Options that would change what merging gives, and the value that this tokenizer works with.
absl::Status RefuseVariants(const JsonSection& model) {
  for (const char* key : {"fuse_unk", "byte_fallback", "ignore_merges"}) {
    KITH_ASSIGN_OR_RETURN(const bool set, model.Bool(key, false));
    if (set) return InvalidModel("{}: model.{} is true; supported is false", kTokenizerJson, key);
  }
  if (const json& dropout = model.Get("dropout"); !dropout.is_null() && dropout != 0) {
    return InvalidModel("{}: model.dropout is set; supported is none", kTokenizerJson);
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const json& value = model.Get(key);
    if (!value.is_null() && value != "") {
      return InvalidModel("{}: model.{} is not empty; supported is byte-level BPE without it",
                          kTokenizerJson, key);
    }
  }
  return absl::OkStatus();
}

// "a b", or ["a", "b"] since version 0.20 of the library.
std::optional<std::pair<std::string, std::string>> PairOf(const json& merge) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return std::pair(merge[0].get<std::string>(), merge[1].get<std::string>());
  }
  if (!merge.is_string()) return std::nullopt;
  const std::string both = merge.get<std::string>();
  const size_t space = both.find(' ');
  if (space == std::string::npos) return std::nullopt;
  return std::pair(both.substr(0, space), both.substr(space + 1));
}

absl::Status ReadMerges(const JsonSection& model, const TokenIds& ids, BpeConfig* config) {
  const json& merges = model.Get("merges");
  if (!merges.is_array() || merges.size() > BpeConfig::kMaxMerges) {
    return InvalidModel("{}: model.merges is {} of {}, it must be an array of at most {}",
                        kTokenizerJson, merges.type_name(), merges.size(), BpeConfig::kMaxMerges);
  }
  config->merges.reserve(merges.size());
  for (size_t i = 0; i < merges.size(); ++i) {
    const auto pair = PairOf(merges[i]);
    if (!pair) {
      return InvalidModel("{}: model.merges[{}] must be two tokens", kTokenizerJson, i);
    }
    KITH_RETURN_IF_ERROR(AddMerge(kTokenizerJson, pair->first, pair->second, ids, config));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AddMerge(std::string_view file, const std::string& left, const std::string& right,
                      const TokenIds& ids, BpeConfig* config) {
  BpeConfig::Merge merge;
  for (const auto& [text, id] :
       {std::pair(left, &merge.left), {right, &merge.right}, {left + right, &merge.result}}) {
    const auto it = ids.find(text);
    if (it == ids.end()) {
      return InvalidModel("{}: merge {}: {} is not in the vocabulary", file, config->merges.size(),
                          Quoted(text));
    }
    *id = it->second;
  }
  config->merges.push_back(merge);
  return absl::OkStatus();
}

absl::StatusOr<TokenIds> ReadBpeParts(const JsonSection& root, BpeConfig* config) {
  KITH_ASSIGN_OR_RETURN(const JsonSection model, root.Object("model"));
  KITH_RETURN_IF_ERROR(RefuseVariants(model));
  KITH_ASSIGN_OR_RETURN(TokenIds ids, ReadTokenIds(model));
  KITH_RETURN_IF_ERROR(ReadMerges(model, ids, config));
  // Every byte has a token, so that nothing is ever unknown; some id must stand there.
  if (const auto unknown = ids.find("<unk>"); unknown != ids.end()) {
    config->special.unk = unknown->second;
  }
  if (!root.Get("normalizer").is_null()) {
    return InvalidModel("{}: a BPE model with a normalizer is not supported", kTokenizerJson);
  }
  KITH_RETURN_IF_ERROR(root.RequireType("pre_tokenizer", "ByteLevel"));
  KITH_ASSIGN_OR_RETURN(const JsonSection words, root.Object("pre_tokenizer"));
  KITH_ASSIGN_OR_RETURN(const bool use_regex, words.Bool("use_regex", true));
  if (!use_regex) {
    return InvalidModel("{}: pre_tokenizer.use_regex is false; supported is true", kTokenizerJson);
  }
  KITH_ASSIGN_OR_RETURN(config->add_prefix_space, words.Bool("add_prefix_space", true));
  return ids;
}

}  // namespace kith::encoder
