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
constexpr int kMaxBuckets = 1'024;
// Room for the two special tokens and at least as much text.
constexpr int kMinTokens = 4;

absl::StatusOr<Activation> ReadActivation(const JsonFile& json, const char* key) {
  KITH_ASSIGN_OR_RETURN(const std::optional<std::string> name, json.OptionalString(key));
  if (!name || *name == "gelu") return Activation::kGelu;
  if (*name == "gelu_new" || *name == "gelu_pytorch_tanh") return Activation::kGeluTanh;
  if (*name == "relu") return Activation::kRelu;
  return InvalidModel("{}: {} {} is not supported; gelu, gelu_new, gelu_pytorch_tanh and relu are",
                      json.name(), key, Quoted(*name));
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

// How config.json spells what all of them have.
struct Architecture {
  std::string_view model_type;
  Family family;
  const char* hidden_size;
  const char* num_layers;
  const char* num_heads;
  const char* intermediate_size;
  const char* activation;
  bool positions_after_pad;  // they begin at pad_token_id + 1
};

constexpr Architecture Like(std::string_view model_type, Family family, bool positions_after_pad) {
  return {model_type,
          family,
          "hidden_size",
          "num_hidden_layers",
          "num_attention_heads",
          "intermediate_size",
          "hidden_act",
          positions_after_pad};
}

constexpr Architecture kArchitectures[] = {
    Like("bert", Family::kBert, false),
    Like("roberta", Family::kBert, true),
    Like("xlm-roberta", Family::kBert, true),
    Like("mpnet", Family::kMpnet, true),
    {"distilbert", Family::kDistilBert, "dim", "n_layers", "n_heads", "hidden_dim", "activation",
     false},
};

absl::StatusOr<const Architecture*> FindArchitecture(const JsonFile& json) {
  KITH_ASSIGN_OR_RETURN(const std::optional<std::string> type, json.OptionalString("model_type"));
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    if (type && *type == architecture.model_type) return &architecture;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", architecture.model_type);
  }
  return InvalidModel("{}: model_type {} is not supported; {} are", json.name(),
                      type ? Quoted(*type) : "(absent)", known);
}

absl::Status ReadPositions(const JsonFile& json, const Architecture& architecture, Config* config) {
  KITH_ASSIGN_OR_RETURN(config->max_positions,
                        json.Int("max_position_embeddings", kMinTokens, kMaxPositions));
  if (!architecture.positions_after_pad) return absl::OkStatus();
  KITH_ASSIGN_OR_RETURN(const std::optional<int> pad,
                        json.OptionalInt("pad_token_id", 0, kMaxVocabSize));
  config->first_position = pad.value_or(1) + 1;
  if (config->max_positions - config->first_position < kMinTokens) {
    return InvalidModel("{}: positions begin at {}, after pad_token_id, and there are {} of them",
                        json.name(), config->first_position, config->max_positions);
  }
  return absl::OkStatus();
}

// What only some of them have.
absl::Status ReadFamily(const JsonFile& json, Config* config) {
  switch (config->family) {
    case Family::kBert: {
      KITH_ASSIGN_OR_RETURN(const std::optional<int> types,
                            json.OptionalInt("type_vocab_size", 1, kMaxTypes));
      config->type_vocab_size = types.value_or(2);
      return absl::OkStatus();
    }
    case Family::kDistilBert: {
      // They are in the file as numbers all the same; but then nobody trained them otherwise.
      KITH_ASSIGN_OR_RETURN(const bool sinusoidal, json.Bool("sinusoidal_pos_embds", false));
      if (sinusoidal) {
        return InvalidModel("{}: sinusoidal_pos_embds is true; supported is false", json.name());
      }
      return absl::OkStatus();
    }
    case Family::kMpnet: {
      KITH_ASSIGN_OR_RETURN(const std::optional<int> buckets,
                            json.OptionalInt("relative_attention_num_buckets", 4, kMaxBuckets));
      config->relative_buckets = buckets.value_or(32);
      if (config->relative_buckets % 4 != 0) {
        return InvalidModel("{}: relative_attention_num_buckets is {}, not a multiple of 4",
                            json.name(), config->relative_buckets);
      }
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::Status ReadArchitecture(const JsonFile& json, Config* config) {
  KITH_ASSIGN_OR_RETURN(const Architecture* architecture, FindArchitecture(json));
  config->architecture = architecture->model_type;
  config->family = architecture->family;
  KITH_RETURN_IF_ERROR(RefuseVariants(json));
  KITH_ASSIGN_OR_RETURN(config->hidden_size,
                        json.Int(architecture->hidden_size, 1, kMaxHiddenSize));
  KITH_ASSIGN_OR_RETURN(config->num_layers, json.Int(architecture->num_layers, 1, kMaxLayers));
  KITH_ASSIGN_OR_RETURN(config->num_heads, json.Int(architecture->num_heads, 1, kMaxHeads));
  KITH_ASSIGN_OR_RETURN(config->intermediate_size,
                        json.Int(architecture->intermediate_size, 1, kMaxIntermediateSize));
  KITH_ASSIGN_OR_RETURN(config->vocab_size, json.Int("vocab_size", 1, kMaxVocabSize));
  KITH_RETURN_IF_ERROR(ReadPositions(json, *architecture, config));
  KITH_RETURN_IF_ERROR(ReadFamily(json, config));
  KITH_ASSIGN_OR_RETURN(const std::optional<double> eps, json.OptionalNumber("layer_norm_eps"));
  config->layer_norm_eps = static_cast<float>(eps.value_or(1e-12));
  if (!(config->layer_norm_eps > 0 && config->layer_norm_eps <= 1)) {
    return InvalidModel("{}: layer_norm_eps is {}, it must be in (0, 1]", json.name(), *eps);
  }
  if (config->hidden_size % config->num_heads != 0) {
    return InvalidModel("{}: {} {} is not a multiple of {} {}", json.name(),
                        architecture->hidden_size, config->hidden_size, architecture->num_heads,
                        config->num_heads);
  }
  KITH_ASSIGN_OR_RETURN(config->activation, ReadActivation(json, architecture->activation));
  return absl::OkStatus();
}

// sentence_bert_config.json decides, then tokenizer_config.json; the position table is the limit.
absl::Status ReadMaxTokens(const std::filesystem::path& dir, Config* config) {
  config->max_tokens = config->max_positions - config->first_position;
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

std::string DirectoryName(const std::filesystem::path& dir) {
  std::string name = std::filesystem::absolute(dir).lexically_normal().string();
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  return name.substr(name.rfind('/') + 1);
}

absl::StatusOr<Config> LoadConfig(const std::filesystem::path& dir) {
  Config config;
  KITH_RETURN_IF_ERROR(ReadModules(dir, &config));
  const std::filesystem::path transformer = dir / config.transformer_path;
  KITH_ASSIGN_OR_RETURN(const JsonFile json, JsonFile::Read(transformer, "config.json"));
  KITH_RETURN_IF_ERROR(ReadArchitecture(json, &config));
  KITH_RETURN_IF_ERROR(ReadMaxTokens(transformer, &config));
  if (config.has_modules) {
    KITH_RETURN_IF_ERROR(ReadPooling(dir, &config));
    KITH_RETURN_IF_ERROR(ReadDense(dir, &config));
  }
  KITH_RETURN_IF_ERROR(ReadPrompts(dir, &config));
  return config;
}

}  // namespace kith::encoder
