#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "encoder/input_file.h"
#include "encoder/invalid_model.h"
#include "encoder/json_file.h"
#include "encoder/tokenizer_files.h"
#include "encoder/tokenizer_json.h"
#include "encoder/tokenizer_options.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxFileBytes = 32 << 20;

constexpr SpecialNames kRobertaNames = {"<unk>",
                                        "<s>",
                                        "</s>",
                                        "<pad>",
                                        "<mask>",
                                        /*mask_takes_space=*/true};

absl::StatusOr<TokenIds> ReadIds(const std::filesystem::path& dir) {
  KITH_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(dir / kVocabularyJson));
  KITH_ASSIGN_OR_RETURN(const std::string content, file.ReadAll(kMaxFileBytes));
  const json::parser_callback_t flat = [](int depth, json::parse_event_t, json&) {
    return depth <= 1;
  };
  const json parsed = json::parse(content, flat, /*allow_exceptions=*/false);
  if (!parsed.is_object()) {
    return InvalidModel("{}: must be an object of tokens and their ids", kVocabularyJson);
  }
  TokenIds ids;
  for (const auto& [text, value] : parsed.items()) {
    KITH_ASSIGN_OR_RETURN(const int32_t id,
                          JsonInteger(kVocabularyJson, value, Quoted(text), kMaxTokenId));
    ids.emplace(text, id);
  }
  return ids;
}

absl::Status ReadMergesTxt(const std::filesystem::path& dir, const TokenIds& ids,
                           BpeConfig* config) {
  KITH_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(dir / kMergesTxt));
  KITH_ASSIGN_OR_RETURN(const std::string content, file.ReadAll(kMaxFileBytes));
  std::string_view rest = content;
  for (size_t number = 1; !rest.empty(); ++number) {
    const size_t line_end = rest.find('\n');
    std::string_view line = rest.substr(0, line_end);
    rest.remove_prefix(line_end == rest.npos ? rest.size() : line_end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (number == 1 && line.starts_with("#version"))) continue;
    const size_t space = line.find(' ');
    if (space == line.npos || config->merges.size() == BpeConfig::kMaxMerges) {
      return InvalidModel("{}: line {} must be two tokens, and one of at most {}", kMergesTxt,
                          number, BpeConfig::kMaxMerges);
    }
    KITH_RETURN_IF_ERROR(AddMerge(kMergesTxt, std::string(line.substr(0, space)),
                                  std::string(line.substr(space + 1)), ids, config));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BpeConfig> ReadVocabularyJson(const std::filesystem::path& dir) {
  KITH_ASSIGN_OR_RETURN(const JsonFile options,
                        JsonFile::ReadIfExists(dir, "tokenizer_config.json"));
  constexpr std::string_view kClasses[] = {"RobertaTokenizer", "RobertaTokenizerFast"};
  KITH_RETURN_IF_ERROR(CheckTokenizerClass(options, kVocabularyJson, kClasses));
  KITH_ASSIGN_OR_RETURN(const TokenIds ids, ReadIds(dir));
  BpeConfig config;
  KITH_RETURN_IF_ERROR(ReadMergesTxt(dir, ids, &config));
  KITH_ASSIGN_OR_RETURN(config.vocabulary, EntriesById(kVocabularyJson, ids, {}));
  std::unordered_map<std::string_view, int32_t> by_text;
  for (const auto& [text, id] : ids) by_text.emplace(text, id);
  KITH_RETURN_IF_ERROR(
      ReadSpecialTokens(options, kVocabularyJson, by_text, kRobertaNames, &config));
  config.special.pair_separators = 2;
  KITH_ASSIGN_OR_RETURN(config.add_prefix_space, options.Bool("add_prefix_space", false));
  return config;
}

}  // namespace kith::encoder
