#include "encoder/modules.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "encoder/invalid_model.h"
#include "encoder/json_file.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

constexpr size_t kMaxDense = 4;
constexpr int kMaxDenseSize = 4096;  // the server's largest dimension

struct Module {
  std::string kind;  // "Pooling" of "sentence_transformers.models.Pooling"
  std::string path;
};

// One plain folder name, or nothing: a module never lies outside its model.
bool IsPlainPath(std::string_view path) {
  return path != "." && path != ".." && path.find_first_of("/\\") == std::string_view::npos &&
         path.find('\0') == std::string_view::npos;
}

absl::StatusOr<Module> ReadModule(const JsonFile& json, const nlohmann::json& entry) {
  constexpr std::string_view kPackage = "sentence_transformers.";
  const auto text = [&](const char* key) -> std::optional<std::string> {
    if (!entry.is_object()) return std::nullopt;
    const auto it = entry.find(key);
    if (it == entry.end() || !it->is_string()) return std::nullopt;
    return it->get<std::string>();
  };
  const std::optional<std::string> type = text("type");
  const std::optional<std::string> path = text("path");
  if (!type || !path) {
    return InvalidModel("{}: every module needs a type and a path, both strings", json.name());
  }
  if (!IsPlainPath(*path)) {
    return InvalidModel("{}: the module path {} must be a folder's plain name", json.name(),
                        Quoted(*path));
  }
  const std::string kind = type->substr(type->rfind('.') + 1);
  if (!type->starts_with(kPackage) ||
      (kind != "Transformer" && kind != "Pooling" && kind != "Dense" && kind != "Normalize")) {
    return InvalidModel(
        "{}: module {} is not supported; Transformer, Pooling, Dense and Normalize of "
        "sentence_transformers are",
        json.name(), Quoted(*type));
  }
  return Module{kind, *path};
}

struct PoolingMode {
  std::string_view key;
  std::optional<Pooling> pooling;  // nothing: known, not supported
};

constexpr PoolingMode kPoolingModes[] = {
    {"pooling_mode_cls_token", Pooling::kCls},
    {"pooling_mode_mean_tokens", Pooling::kMean},
    {"pooling_mode_max_tokens", Pooling::kMax},
    {"pooling_mode_lasttoken", Pooling::kLastToken},
    {"pooling_mode_mean_sqrt_len_tokens", std::nullopt},
    {"pooling_mode_weightedmean_tokens", std::nullopt},
};

}  // namespace

absl::Status ReadModules(const std::filesystem::path& dir, Config* config) {
  std::error_code ignored;
  config->has_modules = std::filesystem::exists(dir / "modules.json", ignored);
  if (!config->has_modules) {
    config->pooling = Pooling::kMean;
    config->normalise = true;
    return absl::OkStatus();
  }
  KITH_ASSIGN_OR_RETURN(const JsonFile json, JsonFile::Read(dir, "modules.json"));
  if (!json.root().is_array()) {
    return InvalidModel("{}: must be a list of modules, it is {}", json.name(),
                        json.root().type_name());
  }
  std::vector<Module> modules;
  for (const nlohmann::json& entry : json.root()) {
    KITH_ASSIGN_OR_RETURN(Module module, ReadModule(json, entry));
    modules.push_back(std::move(module));
  }
  const bool normalise = !modules.empty() && modules.back().kind == "Normalize";
  const size_t dense_end = modules.size() - normalise;
  bool supported = dense_end >= 2 && dense_end <= 2 + kMaxDense &&
                   modules[0].kind == "Transformer" && modules[1].kind == "Pooling";
  for (size_t i = 2; supported && i < dense_end; ++i) supported = modules[i].kind == "Dense";
  if (!supported) {
    std::string found;
    for (const Module& module : modules) found += (found.empty() ? "" : ", ") + module.kind;
    return InvalidModel(
        "{}: the modules are [{}]; supported is [Transformer, Pooling], with or without up to {} "
        "Dense and Normalize after them",
        json.name(), found.substr(0, 200), kMaxDense);
  }
  config->transformer_path = modules[0].path;
  config->pooling_path = modules[1].path;
  for (size_t i = 2; i < dense_end; ++i) config->dense.emplace_back().path = modules[i].path;
  config->normalise = normalise;
  return absl::OkStatus();
}

absl::Status ReadDense(const std::filesystem::path& dir, Config* config) {
  using Activation = DenseConfig::Activation;
  constexpr std::pair<std::string_view, Activation> kActivations[] = {
      {"torch.nn.modules.activation.Tanh", Activation::kTanh},
      {"torch.nn.modules.activation.ReLU", Activation::kRelu},
      {"torch.nn.modules.linear.Identity", Activation::kIdentity},
  };
  int size = config->hidden_size;
  for (DenseConfig& dense : config->dense) {
    const std::string name = (std::filesystem::path(dense.path) / "config.json").string();
    KITH_ASSIGN_OR_RETURN(const JsonFile json, JsonFile::Read(dir, name));
    KITH_ASSIGN_OR_RETURN(dense.inputs, json.Int("in_features", 1, kMaxDenseSize));
    KITH_ASSIGN_OR_RETURN(dense.outputs, json.Int("out_features", 1, kMaxDenseSize));
    KITH_ASSIGN_OR_RETURN(dense.bias, json.Bool("bias", true));
    if (dense.inputs != size) {
      return InvalidModel("{}: in_features is {}, what comes before gives {}", name, dense.inputs,
                          size);
    }
    size = dense.outputs;
    KITH_ASSIGN_OR_RETURN(const std::optional<std::string> activation,
                          json.OptionalString("activation_function"));
    const auto* known =
        std::find_if(std::begin(kActivations), std::end(kActivations),
                     [&](const auto& one) { return !activation || *activation == one.first; });
    if (known == std::end(kActivations)) {
      return InvalidModel(
          "{}: activation_function {} is not supported; Tanh, ReLU and Identity are", name,
          Quoted(*activation));
    }
    dense.activation = known->second;
  }
  return absl::OkStatus();
}

absl::Status ReadPooling(const std::filesystem::path& dir, Config* config) {
  const std::string name = (std::filesystem::path(config->pooling_path) / "config.json").string();
  KITH_ASSIGN_OR_RETURN(const JsonFile json, JsonFile::Read(dir, name));
  KITH_ASSIGN_OR_RETURN(const int dimension, json.Int("word_embedding_dimension", 1, 1 << 20));
  if (dimension != config->hidden_size) {
    return InvalidModel("{}: word_embedding_dimension is {}, hidden_size in config.json is {}",
                        name, dimension, config->hidden_size);
  }
  // Prompt tokens left out of the mean would change every embedding that has a prompt.
  KITH_ASSIGN_OR_RETURN(const bool include_prompt, json.Bool("include_prompt", true));
  if (!include_prompt) return InvalidModel("{}: include_prompt false is not supported", name);

  const PoolingMode* chosen = nullptr;
  for (const PoolingMode& mode : kPoolingModes) {
    KITH_ASSIGN_OR_RETURN(const bool set, json.Bool(mode.key, false));
    if (!set) continue;
    if (!mode.pooling) return InvalidModel("{}: {} is not supported", name, mode.key);
    if (chosen != nullptr) {
      return InvalidModel("{}: {} and {} together are not supported", name, chosen->key, mode.key);
    }
    chosen = &mode;
  }
  if (chosen == nullptr) return InvalidModel("{}: no pooling mode is set to true", name);
  config->pooling = *chosen->pooling;
  return absl::OkStatus();
}

}  // namespace kith::encoder
