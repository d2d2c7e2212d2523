#include "encoder/fingerprint.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "encoder/input_file.h"
#include "encoder/tokenizer_files.h"
#include "encoder/wordpiece.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"
#include "xxhash.h"

namespace kith::encoder {
namespace {

constexpr std::string_view kSpaceVersion = "kith space 1";

bool Exists(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// The tokenizer as it was understood, so that tokenizer.json and vocab.txt with the same content
// hash alike.
void AddTokenizer(const WordPieceConfig& tokenizer, Hasher* hasher) {
  hasher->Add("wordpiece");
  hasher->Add(uint64_t{tokenizer.vocabulary.size()});
  for (const WordPieceConfig::Entry& entry : tokenizer.vocabulary) {
    hasher->Add(std::string_view(entry.text));
    hasher->Add(uint64_t{entry.in_model});
  }
  std::vector<const AddedToken*> added;
  for (const AddedToken& token : tokenizer.added_tokens) added.push_back(&token);
  std::sort(added.begin(), added.end(),
            [](const auto* a, const auto* b) { return a->content < b->content; });
  hasher->Add(uint64_t{added.size()});
  for (const AddedToken* token : added) {
    hasher->Add(std::string_view(token->content));
    hasher->Add(static_cast<uint64_t>(token->id));
    for (const bool option : {token->single_word, token->lstrip, token->rstrip}) {
      hasher->Add(uint64_t{option});
    }
  }
  hasher->Add(std::string_view(tokenizer.continuing_prefix));
  hasher->Add(uint64_t{tokenizer.max_word_characters});
  const BertNormalizerOptions& normalizer = tokenizer.normalizer;
  for (const bool option : {normalizer.clean_text, normalizer.handle_chinese_chars,
                            normalizer.strip_accents, normalizer.lowercase}) {
    hasher->Add(uint64_t{option});
  }
  for (const int32_t id : {tokenizer.special.cls, tokenizer.special.sep, tokenizer.special.unk}) {
    hasher->Add(static_cast<uint64_t>(id));
  }
}

}  // namespace

struct Hasher::State {
  XXH3_state_t* xxh = XXH3_createState();
  ~State() { XXH3_freeState(xxh); }
};

Hasher::Hasher() : state_(std::make_unique<State>()) { XXH3_128bits_reset(state_->xxh); }
Hasher::~Hasher() = default;

void Hasher::AddRaw(const void* bytes, size_t count) {
  XXH3_128bits_update(state_->xxh, bytes, count);
}

void Hasher::Add(uint64_t number) { AddRaw(&number, sizeof(number)); }

void Hasher::Add(std::string_view bytes) {
  Add(static_cast<uint64_t>(bytes.size()));
  AddRaw(bytes.data(), bytes.size());
}

void Hasher::Add(std::span<const float> numbers) {
  Add(static_cast<uint64_t>(numbers.size()));
  AddRaw(numbers.data(), numbers.size_bytes());
}

std::string Hasher::Hex() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_->xxh));
  std::string hex;
  for (const unsigned char byte : canonical.digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

std::vector<std::string> ModelFiles(const std::filesystem::path& dir, const Config& config) {
  const std::filesystem::path transformer = config.transformer_path;
  std::vector<std::filesystem::path> paths = {
      "config_sentence_transformers.json",   transformer / "config.json",
      transformer / "model.safetensors",     transformer / "sentence_bert_config.json",
      transformer / "tokenizer_config.json",
  };
  // The first decides alone where it is.
  paths.push_back(transformer /
                  (Exists(dir / transformer / kTokenizerJson) ? kTokenizerJson : kVocabularyTxt));
  if (config.has_modules) {
    paths.push_back("modules.json");
    paths.push_back(std::filesystem::path(config.pooling_path) / "config.json");
  }
  std::vector<std::string> files;
  for (const auto& path : paths) {
    if (Exists(dir / path)) files.push_back(path.string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

absl::StatusOr<std::string> ArtifactHash(const std::filesystem::path& dir,
                                         std::span<const std::string> files) {
  Hasher hasher;
  std::string buffer(1 << 20, '\0');
  for (const std::string& name : files) {
    KITH_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(dir / name));
    hasher.Add(std::string_view(name));
    hasher.Add(file.size());
    for (uint64_t offset = 0; offset < file.size(); offset += buffer.size()) {
      const size_t count = std::min<uint64_t>(buffer.size(), file.size() - offset);
      KITH_RETURN_IF_ERROR(file.ReadAt(offset, buffer.data(), count));
      hasher.AddRaw(buffer.data(), count);
    }
  }
  return hasher.Hex();
}

absl::Status AddConfigAndTokenizer(const std::filesystem::path& dir, const Config& config,
                                   Hasher* hasher) {
  hasher->Add(kSpaceVersion);
  hasher->Add(std::string_view(config.architecture));
  for (const int number : {config.hidden_size, config.num_layers, config.num_heads,
                           config.intermediate_size, config.max_tokens}) {
    hasher->Add(static_cast<uint64_t>(number));
  }
  hasher->Add(std::span<const float>(&config.layer_norm_eps, 1));
  hasher->Add(ActivationName(config.activation));
  hasher->Add(uint64_t{config.lower_case});
  hasher->Add(PoolingName(config.pooling));
  hasher->Add(uint64_t{config.normalise});
  hasher->Add(std::string_view(config.passage_prompt));
  const std::filesystem::path transformer = dir / config.transformer_path;
  KITH_ASSIGN_OR_RETURN(const WordPieceConfig tokenizer, Exists(transformer / kTokenizerJson)
                                                             ? ReadTokenizerJson(transformer)
                                                             : ReadVocabularyTxt(transformer));
  AddTokenizer(tokenizer, hasher);
  return absl::OkStatus();
}

}  // namespace kith::encoder
