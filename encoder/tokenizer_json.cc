#include "encoder/tokenizer_json.h"

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

absl::Status ReadAddedToken(const JsonSection& entry, Vocabulary* config, TokenIds* ids,
                            TokenIds* added_only) {
  AddedToken token;
  KITH_ASSIGN_OR_RETURN(token.id, entry.Integer("id", kMaxTokenId));
  KITH_ASSIGN_OR_RETURN(token.content, entry.String("content"));
  KITH_ASSIGN_OR_RETURN(token.single_word, entry.Bool("single_word", false));
  KITH_ASSIGN_OR_RETURN(token.lstrip, entry.Bool("lstrip", false));
  KITH_ASSIGN_OR_RETURN(token.rstrip, entry.Bool("rstrip", false));
  KITH_ASSIGN_OR_RETURN(const bool special, entry.Bool("special", false));
  KITH_ASSIGN_OR_RETURN(const bool normalized, entry.Bool("normalized", !special));
  // For a special token the difference is nil but for texts that spell it in an unusual way.
  if (normalized && !special) {
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

absl::Status ReadAddedTokens(const JsonSection& root, Vocabulary* config, TokenIds* ids,
                             TokenIds* added_only) {
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

// A template as a list of what stands in it: the names of special tokens, "" for a text; and the
// segment of the last text. Nothing for what is no such list.
struct Template {
  std::vector<std::string> parts;
  int last_segment = 0;
};

std::optional<Template> ReadTemplate(const json& parts) {
  if (!parts.is_array() || parts.size() > 8) return std::nullopt;
  Template result;
  for (const json& part : parts) {
    if (!part.is_object() || part.size() != 1) return std::nullopt;
    const std::string kind = part.begin().key();
    const json& value = part.begin().value();
    if (!value.is_object() || !value.contains("id") || !value["id"].is_string()) {
      return std::nullopt;
    }
    if (kind == "Sequence") {
      result.parts.emplace_back();
      const auto type = value.find("type_id");
      result.last_segment =
          type != value.end() && type->is_number_unsigned() && *type <= 1 ? type->get<int>() : 0;
    } else if (kind == "SpecialToken" && !value["id"].get<std::string>().empty()) {
      result.parts.push_back(value["id"].get<std::string>());
    } else {
      return std::nullopt;
    }
  }
  return result;
}

// TemplateProcessing: the sequence must stand between exactly two special tokens.
absl::Status ReadTemplates(const JsonSection& processor, const TokenIds& ids,
                           SpecialTokens* special) {
  const std::optional<Template> single = ReadTemplate(processor.Get("single"));
  if (!single || single->parts.size() != 3 || !single->parts[1].empty() ||
      !ids.contains(single->parts[0]) || !ids.contains(single->parts[2])) {
    return InvalidModel(
        "{}: post_processor.single is not supported; supported is a sequence between two special "
        "tokens of the vocabulary, such as [CLS] A [SEP]",
        kTokenizerJson);
  }
  const std::string& cls = single->parts[0];
  const std::string& sep = single->parts[2];
  special->cls = ids.at(cls);
  special->sep = ids.at(sep);
  const std::optional<Template> pair = ReadTemplate(processor.Get("pair"));
  if (!pair) return absl::OkStatus();
  if (pair->parts == std::vector<std::string>{cls, "", sep, "", sep}) special->pair_separators = 1;
  if (pair->parts == std::vector<std::string>{cls, "", sep, sep, "", sep}) {
    special->pair_separators = 2;
  }
  special->second_segment = pair->last_segment;
  return absl::OkStatus();
}

// BertProcessing and RobertaProcessing: "cls" and "sep" are pairs of a token and its id.
absl::StatusOr<int32_t> ReadPair(const JsonSection& processor, const char* key,
                                 const TokenIds& ids) {
  const json& pair = processor.Get(key);
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string()) {
    return InvalidModel("{}: post_processor.{} must be [token, id]", kTokenizerJson, key);
  }
  KITH_ASSIGN_OR_RETURN(const int32_t id,
                        JsonInteger(kTokenizerJson, pair[1], processor.PathOf(key), kMaxTokenId));
  const auto it = ids.find(pair[0].get<std::string>());
  if (it == ids.end() || it->second != id) {
    return InvalidModel("{}: post_processor.{} gives {} the id {}, the vocabulary does not",
                        kTokenizerJson, key, Quoted(pair[0].get<std::string>()), id);
  }
  return id;
}

absl::Status ReadPostProcessor(const JsonSection& root, const TokenIds& ids,
                               SpecialTokens* special) {
  KITH_ASSIGN_OR_RETURN(const std::string type, root.TypeOf("post_processor"));
  if (type != "TemplateProcessing" && type != "BertProcessing" && type != "RobertaProcessing") {
    return root.RequireType("post_processor",
                            "TemplateProcessing, BertProcessing or RobertaProcessing");
  }
  KITH_ASSIGN_OR_RETURN(const JsonSection processor, root.Object("post_processor"));
  if (type == "TemplateProcessing") return ReadTemplates(processor, ids, special);
  KITH_ASSIGN_OR_RETURN(special->cls, ReadPair(processor, "cls", ids));
  KITH_ASSIGN_OR_RETURN(special->sep, ReadPair(processor, "sep", ids));
  special->pair_separators = type == "RobertaProcessing" ? 2 : 1;
  special->second_segment = type == "RobertaProcessing" ? 0 : 1;
  return absl::OkStatus();
}

// What all kinds have: `ids` are the model's own tokens.
absl::Status ReadVocabulary(const JsonSection& root, TokenIds ids, Vocabulary* vocabulary) {
  TokenIds added_only;  // what the algorithm itself may not use
  KITH_RETURN_IF_ERROR(ReadAddedTokens(root, vocabulary, &ids, &added_only));
  KITH_ASSIGN_OR_RETURN(vocabulary->vocabulary, EntriesById(kTokenizerJson, ids, added_only));
  SpecialTokens& special = vocabulary->special;
  KITH_RETURN_IF_ERROR(ReadPostProcessor(root, ids, &special));
  for (const char* name : {"[PAD]", "<pad>"}) {
    if (const auto pad = ids.find(name); pad != ids.end()) special.pad = pad->second;
  }
  for (const char* name : {"[MASK]", "<mask>"}) {
    if (const auto mask = ids.find(name); mask != ids.end()) special.mask = mask->second;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenIds> ReadTokenIds(const JsonSection& model) {
  KITH_ASSIGN_OR_RETURN(const JsonSection entries, model.Object("vocab"));
  TokenIds ids;
  for (const auto& [text, value] : model.Get("vocab").items()) {
    const absl::StatusOr<int32_t> id =
        JsonInteger(kTokenizerJson, value, entries.path(), kMaxTokenId);
    if (!id.ok()) {  // only now is it worth spelling out which
      const std::string path = fmt::format("{}[{}]", entries.path(), Quoted(text));
      return JsonInteger(kTokenizerJson, value, path, kMaxTokenId).status();
    }
    ids.emplace(text, *id);
  }
  return ids;
}

absl::StatusOr<std::vector<Vocabulary::Entry>> EntriesById(std::string_view file,
                                                           const TokenIds& ids,
                                                           const TokenIds& added_only) {
  std::vector<std::pair<int32_t, Vocabulary::Entry>> sorted;
  sorted.reserve(ids.size());
  for (const auto& [text, id] : ids) {
    sorted.push_back({id, {text, /*in_model=*/!added_only.contains(text)}});
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Vocabulary::Entry> vocabulary;
  vocabulary.reserve(sorted.size());
  int32_t previous = -1;
  for (auto& [id, entry] : sorted) {
    if (id == previous) {
      return InvalidModel("{}: the tokens {} and {} share the id {}", file,
                          Quoted(vocabulary.back().text), Quoted(entry.text), id);
    }
    vocabulary.push_back(std::move(entry));
    previous = id;
  }
  if (!sorted.empty() && static_cast<size_t>(previous) != sorted.size() - 1) {
    return InvalidModel("{}: ids must be dense: {} tokens, and the highest id is {}", file,
                        sorted.size(), previous);
  }
  return vocabulary;
}

absl::StatusOr<TokenizerConfig> ReadTokenizerJson(const std::filesystem::path& dir) {
  KITH_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(dir / kTokenizerJson));
  KITH_ASSIGN_OR_RETURN(const std::string content, file.ReadAll(kMaxFileBytes));
  KITH_ASSIGN_OR_RETURN(const json parsed, Parse(content));
  KITH_ASSIGN_OR_RETURN(const JsonSection root, JsonSection::Of(kTokenizerJson, parsed, ""));
  KITH_ASSIGN_OR_RETURN(const JsonSection model, root.Object("model"));
  const json& named = model.Get("type");
  const std::string type = named.is_string() ? named.get<std::string>() : "WordPiece";
  if (type == "BPE") {
    BpeConfig config;
    KITH_ASSIGN_OR_RETURN(TokenIds ids, ReadBpeParts(root, &config));
    KITH_RETURN_IF_ERROR(ReadVocabulary(root, std::move(ids), &config));
    return config;
  }
  if (type == "Unigram") {
    UnigramConfig config;
    KITH_ASSIGN_OR_RETURN(TokenIds ids, ReadUnigramParts(root, &config));
    KITH_RETURN_IF_ERROR(ReadVocabulary(root, std::move(ids), &config));
    config.scores.resize(config.vocabulary.size());  // tokens that were only added have none
    // The model lists its control tokens too. They are found as they are written, or not at all.
    for (const AddedToken& token : config.added_tokens) {
      config.vocabulary[static_cast<size_t>(token.id)].in_model = false;
    }
    return config;
  }
  if (type != "WordPiece") {
    return InvalidModel(
        "{}: the type of model is {}; supported are WordPiece, byte-level BPE and Unigram",
        kTokenizerJson, Quoted(type));
  }
  WordPieceConfig config;
  KITH_ASSIGN_OR_RETURN(TokenIds ids, ReadWordPieceParts(root, &config));
  KITH_RETURN_IF_ERROR(ReadVocabulary(root, std::move(ids), &config));
  return config;
}

}  // namespace kith::encoder
