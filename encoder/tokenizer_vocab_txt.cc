#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "encoder/input_file.h"
#include "encoder/invalid_model.h"
#include "encoder/json_file.h"
#include "encoder/tokenizer_files.h"
#include "encoder/utf8.h"
#include "fmt/ranges.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxFileBytes = 2 * WordPiece::kMaxVocabularyBytes;

// A line is a token, its number the id. Line ends may be those of Windows.
absl::StatusOr<std::vector<WordPieceConfig::Entry>> Lines(std::string_view content) {
  if (const size_t valid = ValidUtf8Prefix(content); valid != content.size()) {
    return InvalidModel("{}: not UTF-8 at byte {}", kVocabularyTxt, valid);
  }
  std::vector<WordPieceConfig::Entry> lines;
  while (!content.empty()) {
    if (lines.size() == WordPiece::kMaxVocabularySize) {
      return InvalidModel("{}: more than {} lines", kVocabularyTxt, lines.size());
    }
    const size_t line_end = content.find('\n');
    std::string_view line = content.substr(0, line_end);
    content.remove_prefix(line_end == content.npos ? content.size() : line_end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back({std::string(line), /*in_model=*/true});
  }
  return lines;
}

// What tokenizer_config.json says of a special token: a name, or an object that holds one.
absl::StatusOr<std::string> NameOf(const JsonFile& options, const char* key,
                                   const char* otherwise) {
  if (!options.root().is_object()) return std::string(otherwise);
  const auto it = options.root().find(key);
  if (it == options.root().end() || it->is_null()) return std::string(otherwise);
  const json* name = &*it;
  if (name->is_object() && name->contains("content")) name = &(*name)["content"];
  if (!name->is_string()) {
    return InvalidModel("{}: {} must be a string, it is {}", options.name(), key,
                        name->type_name());
  }
  return name->get<std::string>();
}

absl::Status ReadOptions(const JsonFile& options, WordPieceConfig* config) {
  if (!options.root().is_object()) {
    return InvalidModel("{}: must be an object, it is {}", options.name(),
                        options.root().type_name());
  }
  KITH_ASSIGN_OR_RETURN(const std::optional<std::string> class_name,
                        options.OptionalString("tokenizer_class"));
  constexpr std::array<std::string_view, 4> kClasses = {
      "BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "DistilBertTokenizerFast"};
  if (class_name && std::find(kClasses.begin(), kClasses.end(), *class_name) == kClasses.end()) {
    return InvalidModel("{}: tokenizer_class is {}; supported with {} are {}", options.name(),
                        Quoted(*class_name), kVocabularyTxt, fmt::join(kClasses, ", "));
  }
  KITH_ASSIGN_OR_RETURN(const bool basic, options.Bool("do_basic_tokenize", true));
  if (!basic) {
    return InvalidModel("{}: do_basic_tokenize is false; supported is true", options.name());
  }
  if (const auto it = options.root().find("never_split");
      it != options.root().end() && !it->is_null() && !it->empty()) {
    return InvalidModel("{}: never_split names words; supported is none", options.name());
  }
  BertNormalizerOptions& normalizer = config->normalizer;
  KITH_ASSIGN_OR_RETURN(normalizer.lowercase, options.Bool("do_lower_case", true));
  KITH_ASSIGN_OR_RETURN(normalizer.handle_chinese_chars,
                        options.Bool("tokenize_chinese_chars", true));
  KITH_ASSIGN_OR_RETURN(normalizer.strip_accents,
                        options.Bool("strip_accents", normalizer.lowercase));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WordPieceConfig> ReadVocabularyTxt(const std::filesystem::path& dir) {
  KITH_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(dir / kVocabularyTxt));
  KITH_ASSIGN_OR_RETURN(const std::string content, file.ReadAll(kMaxFileBytes));
  KITH_ASSIGN_OR_RETURN(const JsonFile options,
                        JsonFile::ReadIfExists(dir, "tokenizer_config.json"));
  WordPieceConfig config;
  KITH_RETURN_IF_ERROR(ReadOptions(options, &config));
  KITH_ASSIGN_OR_RETURN(config.vocabulary, Lines(content));

  std::unordered_map<std::string_view, int32_t> ids;
  for (const WordPieceConfig::Entry& entry : config.vocabulary) {
    const auto id = static_cast<int32_t>(ids.size());
    const auto [known, is_new] = ids.emplace(entry.text, id);
    if (!is_new) {
      return InvalidModel("{}: lines {} and {} both hold {}", kVocabularyTxt, known->second + 1,
                          id + 1, Quoted(entry.text));
    }
  }

  // The first three must be there: nothing can be encoded without them.
  struct Special {
    const char* key;
    const char* otherwise;
    int32_t* required;
    std::optional<int32_t>* optional;
  };
  SpecialTokens& special = config.special;
  const Special kSpecials[] = {{"unk_token", "[UNK]", &special.unk, nullptr},
                               {"cls_token", "[CLS]", &special.cls, nullptr},
                               {"sep_token", "[SEP]", &special.sep, nullptr},
                               {"pad_token", "[PAD]", nullptr, &special.pad},
                               {"mask_token", "[MASK]", nullptr, &special.mask}};
  for (const Special& row : kSpecials) {
    KITH_ASSIGN_OR_RETURN(const std::string name, NameOf(options, row.key, row.otherwise));
    const auto it = ids.find(name);
    if (it == ids.end()) {
      if (row.required == nullptr) continue;
      return InvalidModel("{}: no line holds the {}, {}", kVocabularyTxt, row.key, Quoted(name));
    }
    (row.required != nullptr ? *row.required : row.optional->emplace()) = it->second;
    const bool repeated =
        std::any_of(config.added_tokens.begin(), config.added_tokens.end(),
                    [&](const AddedToken& other) { return other.id == it->second; });
    if (!repeated) config.added_tokens.push_back({it->second, name});
  }
  return config;
}

}  // namespace kith::encoder
