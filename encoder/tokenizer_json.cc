#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "encoder/input_file.h"
#include "encoder/invalid_model.h"
#include "encoder/json_section.h"
#include "encoder/tokenizer_files.h"
#include "kith/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace kith::encoder {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxFileBytes = 32 << 20;
constexpr int kMaxDepth = 32;
// Bounds what the parsed file takes in memory, at about 100 bytes a value.
constexpr size_t kMaxValues = 2'500'000;
constexpr size_t kMaxAddedTokens = 10'000;
constexpr int32_t kMaxId = WordPiece::kMaxVocabularySize - 1;

absl::StatusOr<json> Parse(const std::string& content) {
  size_t values = 0;
  bool too_deep = false;
  const json::parser_callback_t watch = [&](int depth, json::parse_event_t, json&) {
    ++values;
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep && values <= kMaxValues;  // false: what was parsed is thrown away
  };
  json root = json::parse(content, watch, /*allow_exceptions=*/false);
  if (too_deep) {
    return InvalidModel("{}: nested more than {} levels deep", kTokenizerJson, kMaxDepth);
  }
  if (values > kMaxValues) {
    return InvalidModel("{}: more than {} values", kTokenizerJson, kMaxValues);
  }
  if (root.is_discarded()) return InvalidModel("{}: not valid JSON", kTokenizerJson);
  return root;
}

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

// Every token's id, from both places where the file lists tokens.
using Ids = std::map<std::string, int32_t>;

// The vocabulary in the order of its ids, which must be 0, 1, 2, ... without hole or double.
absl::StatusOr<std::vector<WordPieceConfig::Entry>> ById(const Ids& ids, const Ids& added_only) {
  std::vector<std::pair<int32_t, WordPieceConfig::Entry>> sorted;
  sorted.reserve(ids.size());
  for (const auto& [text, id] : ids) {
    sorted.push_back({id, {text, /*in_model=*/!added_only.contains(text)}});
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<WordPieceConfig::Entry> vocabulary;
  vocabulary.reserve(sorted.size());
  int32_t previous = -1;
  for (auto& [id, entry] : sorted) {
    if (id == previous) {
      return InvalidModel("{}: the tokens {} and {} share the id {}", kTokenizerJson,
                          Quoted(vocabulary.back().text), Quoted(entry.text), id);
    }
    vocabulary.push_back(std::move(entry));
    previous = id;
  }
  if (!sorted.empty() && static_cast<size_t>(previous) != sorted.size() - 1) {
    return InvalidModel("{}: ids must be dense: {} tokens, and the highest id is {}",
                        kTokenizerJson, sorted.size(), previous);
  }
  return vocabulary;
}

absl::Status ReadModel(const JsonSection& root, WordPieceConfig* config, Ids* ids) {
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
  KITH_ASSIGN_OR_RETURN(const JsonSection entries, model.Object("vocab"));
  const json& vocab = model.Get("vocab");
  for (const auto& [text, value] : vocab.items()) {
    const absl::StatusOr<int32_t> id = JsonInteger(kTokenizerJson, value, entries.path(), kMaxId);
    if (!id.ok()) {  // only now is it worth spelling out which
      const std::string path = fmt::format("{}[{}]", entries.path(), Quoted(text));
      return JsonInteger(kTokenizerJson, value, path, kMaxId).status();
    }
    ids->emplace(text, *id);
  }
  KITH_ASSIGN_OR_RETURN(const std::string unknown, model.String("unk_token"));
  const auto it = ids->find(unknown);
  if (it == ids->end()) {
    return InvalidModel("{}: the unknown token {} is not in the vocabulary", kTokenizerJson,
                        Quoted(unknown));
  }
  config->special.unk = it->second;
  return absl::OkStatus();
}

absl::Status ReadAddedToken(const JsonSection& entry, WordPieceConfig* config, Ids* ids,
                            Ids* added_only) {
  AddedToken token;
  KITH_ASSIGN_OR_RETURN(token.id, entry.Integer("id", kMaxId));
  KITH_ASSIGN_OR_RETURN(token.content, entry.String("content"));
  KITH_ASSIGN_OR_RETURN(token.single_word, entry.Bool("single_word", false));
  KITH_ASSIGN_OR_RETURN(token.lstrip, entry.Bool("lstrip", false));
  KITH_ASSIGN_OR_RETURN(token.rstrip, entry.Bool("rstrip", false));
  KITH_ASSIGN_OR_RETURN(const bool special, entry.Bool("special", false));
  KITH_ASSIGN_OR_RETURN(const bool normalized, entry.Bool("normalized", !special));
  if (normalized) {
    return InvalidModel(
        "{}: {} {} is to be found in normalised text (\"normalized\": true); supported are added "
        "tokens found in the text as it is written",
        kTokenizerJson, entry.path(), Quoted(token.content));
  }
  const auto known = ids->find(token.content);
  if (known == ids->end()) {
    ids->emplace(token.content, token.id);
    added_only->emplace(token.content, token.id);
  } else if (known->second != token.id) {
    return InvalidModel("{}: {} {} has the id {}, the vocabulary gives it {}", kTokenizerJson,
                        entry.path(), Quoted(token.content), token.id, known->second);
  }
  config->added_tokens.push_back(std::move(token));
  return absl::OkStatus();
}

absl::Status ReadAddedTokens(const JsonSection& root, WordPieceConfig* config, Ids* ids,
                             Ids* added_only) {
  const json& list = root.Get("added_tokens");
  if (list.is_null()) return absl::OkStatus();
  if (!list.is_array() || list.size() > kMaxAddedTokens) {
    return InvalidModel("{}: added_tokens is {} of {}, it must be an array of at most {}",
                        kTokenizerJson, list.type_name(), list.size(), kMaxAddedTokens);
  }
  std::set<std::string> seen;
  for (size_t i = 0; i < list.size(); ++i) {
    KITH_ASSIGN_OR_RETURN(
        const JsonSection entry,
        JsonSection::Of(kTokenizerJson, list[i], fmt::format("added_tokens[{}]", i)));
    KITH_RETURN_IF_ERROR(ReadAddedToken(entry, config, ids, added_only));
    const std::string& content = config->added_tokens.back().content;
    if (!seen.insert(content).second) {
      return InvalidModel("{}: {} {} was added before", kTokenizerJson, entry.path(),
                          Quoted(content));
    }
  }
  return absl::OkStatus();
}

// TemplateProcessing: the sequence must stand between exactly two special tokens.
absl::Status ReadTemplate(const JsonSection& processor, const Ids& ids, SpecialTokens* special) {
  const json& parts = processor.Get("single");
  const auto name_of = [&](size_t i) -> std::optional<std::string> {
    if (!parts[i].is_object() || !parts[i].contains("SpecialToken")) return std::nullopt;
    const json& token = parts[i]["SpecialToken"];
    if (!token.is_object() || !token.contains("id") || !token["id"].is_string()) {
      return std::nullopt;
    }
    return token["id"].get<std::string>();
  };
  if (parts.is_array() && parts.size() == 3 && parts[1].is_object() &&
      parts[1].contains("Sequence")) {
    const std::optional<std::string> first = name_of(0);
    const std::optional<std::string> last = name_of(2);
    const auto cls = first ? ids.find(*first) : ids.end();
    const auto sep = last ? ids.find(*last) : ids.end();
    if (cls != ids.end() && sep != ids.end()) {
      special->cls = cls->second;
      special->sep = sep->second;
      return absl::OkStatus();
    }
  }
  return InvalidModel(
      "{}: post_processor.single is not supported; supported is a sequence between two special "
      "tokens of the vocabulary, such as [CLS] A [SEP]",
      kTokenizerJson);
}

// BertProcessing: "cls" and "sep" are pairs of a token and its id.
absl::StatusOr<int32_t> ReadPair(const JsonSection& processor, const char* key, const Ids& ids) {
  const json& pair = processor.Get(key);
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string()) {
    return InvalidModel("{}: post_processor.{} must be [token, id]", kTokenizerJson, key);
  }
  KITH_ASSIGN_OR_RETURN(const int32_t id,
                        JsonInteger(kTokenizerJson, pair[1], processor.PathOf(key), kMaxId));
  const auto it = ids.find(pair[0].get<std::string>());
  if (it == ids.end() || it->second != id) {
    return InvalidModel("{}: post_processor.{} gives {} the id {}, the vocabulary does not",
                        kTokenizerJson, key, Quoted(pair[0].get<std::string>()), id);
  }
  return id;
}

absl::Status ReadPostProcessor(const JsonSection& root, const Ids& ids, SpecialTokens* special) {
  KITH_ASSIGN_OR_RETURN(const std::string type, root.TypeOf("post_processor"));
  if (type != "TemplateProcessing" && type != "BertProcessing") {
    return root.RequireType("post_processor", "TemplateProcessing or BertProcessing");
  }
  KITH_ASSIGN_OR_RETURN(const JsonSection processor, root.Object("post_processor"));
  if (type == "TemplateProcessing") return ReadTemplate(processor, ids, special);
  KITH_ASSIGN_OR_RETURN(special->cls, ReadPair(processor, "cls", ids));
  KITH_ASSIGN_OR_RETURN(special->sep, ReadPair(processor, "sep", ids));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WordPieceConfig> ReadTokenizerJson(const std::filesystem::path& dir) {
  KITH_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(dir / kTokenizerJson));
  KITH_ASSIGN_OR_RETURN(const std::string content, file.ReadAll(kMaxFileBytes));
  KITH_ASSIGN_OR_RETURN(const json parsed, Parse(content));
  KITH_ASSIGN_OR_RETURN(const JsonSection root, JsonSection::Of(kTokenizerJson, parsed, ""));

  WordPieceConfig config;
  Ids ids;
  Ids added_only;  // what WordPiece itself may not use
  KITH_RETURN_IF_ERROR(ReadModel(root, &config, &ids));
  KITH_RETURN_IF_ERROR(ReadAddedTokens(root, &config, &ids, &added_only));
  KITH_ASSIGN_OR_RETURN(config.vocabulary, ById(ids, added_only));
  KITH_RETURN_IF_ERROR(ReadNormalizer(root, &config.normalizer));
  KITH_RETURN_IF_ERROR(root.RequireType("pre_tokenizer", "BertPreTokenizer"));
  KITH_RETURN_IF_ERROR(ReadPostProcessor(root, ids, &config.special));
  if (const auto pad = ids.find("[PAD]"); pad != ids.end()) config.special.pad = pad->second;
  if (const auto mask = ids.find("[MASK]"); mask != ids.end()) config.special.mask = mask->second;
  return config;
}

}  // namespace kith::encoder
