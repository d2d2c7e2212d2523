#include "encoder/fingerprint.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "encoder/input_file.h"
#include "encoder/invalid_model.h"
#include "encoder/json_file.h"
#include "kith/base/status_macros.h"
#include "xxhash.h"

namespace kith::encoder {
namespace {

constexpr std::string_view kSpaceVersion = "kith space 1";
constexpr uint64_t kMaxTokenizerBytes = 32 << 20;

bool Exists(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// tokenizer.json decides alone where it is. It is hashed as it was understood: keys sorted, white
// space gone, without the settings for batches of somebody else's.
absl::Status AddTokenizerJson(const std::filesystem::path& dir, Hasher* hasher) {
  KITH_ASSIGN_OR_RETURN(const JsonFile json,
                        JsonFile::Read(dir, "tokenizer.json", kMaxTokenizerBytes));
  nlohmann::json root = json.root();
  if (!root.is_object()) return InvalidModel("{}: must be an object", json.name());
  root.erase("truncation");
  root.erase("padding");
  hasher->Add("tokenizer.json");
  hasher->Add(std::string_view(root.dump()));
  return absl::OkStatus();
}

absl::Status AddVocabulary(const std::filesystem::path& dir, Hasher* hasher) {
  KITH_ASSIGN_OR_RETURN(const InputFile vocab, InputFile::Open(dir / "vocab.txt"));
  KITH_ASSIGN_OR_RETURN(const std::string words, vocab.ReadAll(kMaxTokenizerBytes));
  KITH_ASSIGN_OR_RETURN(const JsonFile options,
                        JsonFile::ReadIfExists(dir, "tokenizer_config.json"));
  nlohmann::json root = options.root().is_object() ? options.root() : nlohmann::json::object();
  // Counted as the maximum of tokens already.
  root.erase("model_max_length");
  hasher->Add("vocab.txt");
  hasher->Add(std::string_view(words));
  hasher->Add(std::string_view(root.dump()));
  return absl::OkStatus();
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
      "config_sentence_transformers.json",     transformer / "config.json",
      transformer / "model.safetensors",       transformer / "sentence_bert_config.json",
      transformer / "special_tokens_map.json", transformer / "tokenizer.json",
      transformer / "tokenizer_config.json",
  };
  if (!Exists(dir / transformer / "tokenizer.json")) paths.push_back(transformer / "vocab.txt");
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
  return Exists(transformer / "tokenizer.json") ? AddTokenizerJson(transformer, hasher)
                                                : AddVocabulary(transformer, hasher);
}

}  // namespace kith::encoder
