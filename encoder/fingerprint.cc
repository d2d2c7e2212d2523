#include "encoder/fingerprint.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <variant>

#include "encoder/input_file.h"
#include "encoder/tokenizer_files.h"
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

void AddVocabulary(const Vocabulary& vocabulary, Hasher* hasher) {
  hasher->Add(uint64_t{vocabulary.vocabulary.size()});
  for (const Vocabulary::Entry& entry : vocabulary.vocabulary) {
    hasher->Add(std::string_view(entry.text));
    hasher->Add(uint64_t{entry.in_model});
  }
  std::vector<const AddedToken*> added;
  for (const AddedToken& token : vocabulary.added_tokens) added.push_back(&token);
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
}

void AddSpecial(const SpecialTokens& special, Hasher* hasher) {
  for (const int32_t id : {special.cls, special.sep, special.unk}) {
    hasher->Add(static_cast<uint64_t>(id));
  }
}

// The tokenizer as it was understood, so that tokenizer.json and vocab.txt with the same content
// hash alike.
struct AddTokenizer {
  Hasher* hasher;

  void operator()(const WordPieceConfig& tokenizer) const {
    hasher->Add("wordpiece");
    AddVocabulary(tokenizer, hasher);
    hasher->Add(std::string_view(tokenizer.continuing_prefix));
    hasher->Add(uint64_t{tokenizer.max_word_characters});
    const BertNormalizerOptions& normalizer = tokenizer.normalizer;
    for (const bool option : {normalizer.clean_text, normalizer.handle_chinese_chars,
                              normalizer.strip_accents, normalizer.lowercase}) {
      hasher->Add(uint64_t{option});
    }
    AddSpecial(tokenizer.special, hasher);
  }

  void operator()(const BpeConfig& tokenizer) const {
    hasher->Add("byte-level bpe");
    AddVocabulary(tokenizer, hasher);
    hasher->Add(uint64_t{tokenizer.merges.size()});
    for (const BpeConfig::Merge& merge : tokenizer.merges) {
      for (const int32_t id : {merge.left, merge.right, merge.result}) {
        hasher->Add(static_cast<uint64_t>(id));
      }
    }
    hasher->Add(uint64_t{tokenizer.add_prefix_space});
    AddSpecial(tokenizer.special, hasher);
  }

  void operator()(const UnigramConfig& tokenizer) const {
    hasher->Add("unigram");
    AddVocabulary(tokenizer, hasher);
    std::vector<float> scores;
    for (size_t id = 0; id < tokenizer.scores.size(); ++id) {
      scores.push_back(tokenizer.vocabulary[id].in_model ? static_cast<float>(tokenizer.scores[id])
                                                         : 0.0f);
    }
    hasher->Add(std::span<const float>(scores));
    hasher->Add(std::string_view(tokenizer.charsmap));
    hasher->Add(uint64_t{tokenizer.split_at_white_space});
    hasher->Add(uint64_t{tokenizer.collapse_spaces});
    AddSpecial(tokenizer.special, hasher);
  }
};

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
  for (const std::string& file : TokenizerFiles(dir / transformer)) {
    paths.push_back(transformer / file);
  }
  if (config.has_modules) {
    paths.push_back("modules.json");
    paths.push_back(std::filesystem::path(config.pooling_path) / "config.json");
    for (const DenseConfig& dense : config.dense) {
      paths.push_back(std::filesystem::path(dense.path) / "config.json");
      paths.push_back(std::filesystem::path(dense.path) / "model.safetensors");
    }
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

std::string TruncatedSpaceHash(std::string_view space_hash, int dimensions) {
  Hasher hasher;
  hasher.Add("kith space 1, truncated");
  hasher.Add(space_hash);
  hasher.Add(static_cast<uint64_t>(dimensions));
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
  // What BERT does not have is added only where it is there.
  if (config.first_position > 0) hasher->Add(static_cast<uint64_t>(config.first_position));
  if (config.relative_buckets > 0) hasher->Add(static_cast<uint64_t>(config.relative_buckets));
  for (const DenseConfig& dense : config.dense) {
    hasher->Add("dense");
    for (const int number : {dense.inputs, dense.outputs, static_cast<int>(dense.activation)}) {
      hasher->Add(static_cast<uint64_t>(number));
    }
  }
  hasher->Add(std::span<const float>(&config.layer_norm_eps, 1));
  hasher->Add(ActivationName(config.activation));
  hasher->Add(uint64_t{config.lower_case});
  hasher->Add(PoolingName(config.pooling));
  hasher->Add(uint64_t{config.normalise});
  hasher->Add(std::string_view(config.passage_prompt));
  const std::filesystem::path transformer = dir / config.transformer_path;
  KITH_ASSIGN_OR_RETURN(const TokenizerConfig tokenizer, ReadTokenizer(transformer));
  std::visit(AddTokenizer{hasher}, tokenizer);
  return absl::OkStatus();
}

}  // namespace kith::encoder
