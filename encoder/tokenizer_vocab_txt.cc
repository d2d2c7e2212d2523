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
#include "encoder/tokenizer_options.h"
#include "encoder/utf8.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

constexpr uint64_t kMaxFileBytes = 2 * Vocabulary::kMaxBytes;

constexpr SpecialNames kBertNames = {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"};
constexpr SpecialNames kMpnetNames = {"[UNK]",
                                      "<s>",
                                      "</s>",
                                      "<pad>",
                                      "<mask>",
                                      /*mask_takes_space=*/true};

// A line is a token, its number the id. Line ends may be those of Windows.
absl::StatusOr<std::vector<WordPieceConfig::Entry>> Lines(std::string_view content) {
  if (const size_t valid = ValidUtf8Prefix(content); valid != content.size()) {
    return InvalidModel("{}: not UTF-8 at byte {}", kVocabularyTxt, valid);
  }
  std::vector<WordPieceConfig::Entry> lines;
  while (!content.empty()) {
    if (lines.size() == Vocabulary::kMaxSize) {
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

absl::Status ReadOptions(const JsonFile& options, WordPieceConfig* config) {
  constexpr std::string_view kClasses[] = {"BertTokenizer",       "BertTokenizerFast",
                                           "DistilBertTokenizer", "DistilBertTokenizerFast",
                                           "MPNetTokenizer",      "MPNetTokenizerFast"};
  KITH_RETURN_IF_ERROR(CheckTokenizerClass(options, kVocabularyTxt, kClasses));
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

  KITH_ASSIGN_OR_RETURN(const std::optional<std::string> class_name,
                        options.OptionalString("tokenizer_class"));
  const bool mpnet = class_name && class_name->starts_with("MPNet");
  KITH_RETURN_IF_ERROR(
      ReadSpecialTokens(options, kVocabularyTxt, ids, mpnet ? kMpnetNames : kBertNames, &config));
  config.special.pair_separators = mpnet ? 2 : 1;
  config.special.second_segment = mpnet ? 0 : 1;
  return config;
}

}  // namespace kith::encoder
