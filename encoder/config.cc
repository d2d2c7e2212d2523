#include "encoder/config.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <system_error>
#include <utility>

#include "encoder/invalid_model.h"
#include "encoder/json_file.h"
#include "encoder/modules.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

// Wider than any published BERT; they bound what Load may be asked to allocate beside the weights.
constexpr int kMaxHiddenSize = 4096;  // the server's largest dimension
constexpr int kMaxLayers = 128;
constexpr int kMaxHeads = 256;
constexpr int kMaxIntermediateSize = 65'536;
constexpr int kMaxVocabSize = 4'194'304;
constexpr int kMaxPositions = 16'384;
constexpr int kMaxTypes = 1'024;
// Room for the two special tokens and at least as much text.
constexpr int kMinTokens = 4;

absl::StatusOr<Activation> ReadActivation(const JsonFile& json) {
  KITH_ASSIGN_OR_RETURN(const std::optional<std::string> name, json.OptionalString("hidden_act"));
  if (!name || *name == "gelu") return Activation::kGelu;
  if (*name == "gelu_new" || *name == "gelu_pytorch_tanh") return Activation::kGeluTanh;
  if (*name == "relu") return Activation::kRelu;
  return InvalidModel(
      "{}: hidden_act {} is not supported; gelu, gelu_new, gelu_pytorch_tanh and relu are",
      json.name(), Quoted(*name));
}

// Variants of BERT that share its model_type and would compute something else.
absl::Status RefuseVariants(const JsonFile& json) {
  KITH_ASSIGN_OR_RETURN(const std::optional<std::string> positions,
                        json.OptionalString("position_embedding_type"));
  if (positions && *positions != "absolute") {
    return InvalidModel("{}: position_embedding_type {} is not supported, only absolute is",
                        json.name(), Quoted(*positions));
  }
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    KITH_ASSIGN_OR_RETURN(const bool set, json.Bool(key, false));
    if (set) return InvalidModel("{}: {} is true: this is no encoder", json.name(), key);
  }
  return absl::OkStatus();
}

absl::Status ReadArchitecture(const JsonFile& json, Config* config) {
  KITH_ASSIGN_OR_RETURN(const std::optional<std::string> type, json.OptionalString("model_type"));
  if (!type || *type != "bert") {
    return InvalidModel("{}: model_type {} is not supported, only bert is", json.name(),
                        type ? Quoted(*type) : "(absent)");
  }
  config->architecture = *type;
  KITH_RETURN_IF_ERROR(RefuseVariants(json));
  KITH_ASSIGN_OR_RETURN(config->hidden_size, json.Int("hidden_size", 1, kMaxHiddenSize));
  KITH_ASSIGN_OR_RETURN(config->num_layers, json.Int("num_hidden_layers", 1, kMaxLayers));
  KITH_ASSIGN_OR_RETURN(config->num_heads, json.Int("num_attention_heads", 1, kMaxHeads));
  KITH_ASSIGN_OR_RETURN(config->intermediate_size,
                        json.Int("intermediate_size", 1, kMaxIntermediateSize));
  KITH_ASSIGN_OR_RETURN(config->vocab_size, json.Int("vocab_size", 1, kMaxVocabSize));
  KITH_ASSIGN_OR_RETURN(config->max_positions,
                        json.Int("max_position_embeddings", kMinTokens, kMaxPositions));
  KITH_ASSIGN_OR_RETURN(const std::optional<int> types,
                        json.OptionalInt("type_vocab_size", 1, kMaxTypes));
  config->type_vocab_size = types.value_or(2);
  KITH_ASSIGN_OR_RETURN(const std::optional<double> eps, json.OptionalNumber("layer_norm_eps"));
  config->layer_norm_eps = static_cast<float>(eps.value_or(1e-12));
  if (!(config->layer_norm_eps > 0 && config->layer_norm_eps <= 1)) {
    return InvalidModel("{}: layer_norm_eps is {}, it must be in (0, 1]", json.name(), *eps);
  }
  if (config->hidden_size % config->num_heads != 0) {
    return InvalidModel("{}: hidden_size {} is not a multiple of num_attention_heads {}",
                        json.name(), config->hidden_size, config->num_heads);
  }
  KITH_ASSIGN_OR_RETURN(config->activation, ReadActivation(json));
  return absl::OkStatus();
}

// sentence_bert_config.json decides, then tokenizer_config.json; the position table is the limit.
absl::Status ReadMaxTokens(const std::filesystem::path& dir, Config* config) {
  config->max_tokens = config->max_positions;
  KITH_ASSIGN_OR_RETURN(const JsonFile sentence_bert,
                        JsonFile::ReadIfExists(dir, "sentence_bert_config.json"));
  KITH_ASSIGN_OR_RETURN(config->lower_case, sentence_bert.Bool("do_lower_case", false));
  KITH_ASSIGN_OR_RETURN(const std::optional<int> max_seq_length,
                        sentence_bert.OptionalInt("max_seq_length", kMinTokens, kMaxPositions));
  if (max_seq_length) {
    config->max_tokens = std::min(config->max_tokens, *max_seq_length);
    return absl::OkStatus();
  }
  KITH_ASSIGN_OR_RETURN(const JsonFile tokenizer,
                        JsonFile::ReadIfExists(dir, "tokenizer_config.json"));
  // "No limit" is written as 1e30 here.
  KITH_ASSIGN_OR_RETURN(const std::optional<double> max_length,
                        tokenizer.OptionalNumber("model_max_length"));
  if (max_length && *max_length < kMinTokens) {
    return InvalidModel("{}: model_max_length is {}, it must be at least {}", tokenizer.name(),
                        *max_length, kMinTokens);
  }
  if (max_length && *max_length < config->max_tokens) {
    config->max_tokens = static_cast<int>(*max_length);
  }
  return absl::OkStatus();
}

// The prompt of the first name that is there, as sentence-transformers' encode_query and
// encode_document look them up; else the default one.
absl::StatusOr<std::string> FindPrompt(const JsonFile& json, const nlohmann::json& prompts,
                                       const std::vector<std::string>& names) {
  constexpr size_t kMaxPromptBytes = 4096;
  for (const std::string& name : names) {
    const auto it = prompts.find(name);
    if (it == prompts.end()) continue;
    if (!it->is_string()) {
      return InvalidModel("{}: the prompt {} must be a string, it is {}", json.name(), Quoted(name),
                          it->type_name());
    }
    std::string prompt = it->get<std::string>();
    if (prompt.size() > kMaxPromptBytes) {
      return InvalidModel("{}: the prompt {} has {} bytes, at most {}", json.name(), Quoted(name),
                          prompt.size(), kMaxPromptBytes);
    }
    return prompt;
  }
  return std::string();
}

absl::Status ReadPrompts(const std::filesystem::path& dir, Config* config) {
  KITH_ASSIGN_OR_RETURN(const JsonFile json,
                        JsonFile::ReadIfExists(dir, "config_sentence_transformers.json"));
  nlohmann::json prompts = nlohmann::json::object();
  if (const auto it = json.root().find("prompts"); it != json.root().end() && !it->is_null()) {
    prompts = *it;
  }
  if (!prompts.is_object()) {
    return InvalidModel("{}: prompts must be an object, it is {}", json.name(),
                        prompts.type_name());
  }
  KITH_ASSIGN_OR_RETURN(const std::optional<std::string> fallback,
                        json.OptionalString("default_prompt_name"));
  if (fallback && !prompts.contains(*fallback)) {
    return InvalidModel("{}: default_prompt_name {} names no prompt", json.name(),
                        Quoted(*fallback));
  }
  std::vector<std::string> query_names = {"query"};
  std::vector<std::string> passage_names = {"document", "passage"};
  if (fallback) {
    query_names.push_back(*fallback);
    passage_names.push_back(*fallback);
  }
  KITH_ASSIGN_OR_RETURN(config->query_prompt, FindPrompt(json, prompts, query_names));
  KITH_ASSIGN_OR_RETURN(config->passage_prompt, FindPrompt(json, prompts, passage_names));
  return absl::OkStatus();
}

}  // namespace

std::string_view ActivationName(Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_new";
    case Activation::kRelu:
      return "relu";
  }
  return "";
}

absl::StatusOr<Config> LoadConfig(const std::filesystem::path& dir) {
  Config config;
  KITH_RETURN_IF_ERROR(ReadModules(dir, &config));
  const std::filesystem::path transformer = dir / config.transformer_path;
  KITH_ASSIGN_OR_RETURN(const JsonFile json, JsonFile::Read(transformer, "config.json"));
  KITH_RETURN_IF_ERROR(ReadArchitecture(json, &config));
  KITH_RETURN_IF_ERROR(ReadMaxTokens(transformer, &config));
  if (config.has_modules) KITH_RETURN_IF_ERROR(ReadPooling(dir, &config));
  KITH_RETURN_IF_ERROR(ReadPrompts(dir, &config));
  return config;
}

}  // namespace kith::encoder
