// Config: what a model's small files say of it, checked. The first of the three structs that tell
// the story of the model: Config (hyper-parameters), Weights (tensors), RunState (scratch).

#ifndef KITH_ENCODER_CONFIG_H_
#define KITH_ENCODER_CONFIG_H_

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/pooling.h"

namespace kith::encoder {

// The feed-forward block's non-linearity.
enum class Activation { kGelu, kGeluTanh, kRelu };
std::string_view ActivationName(Activation activation);  // as config.json spells it

struct Config {
  std::string architecture;  // "bert"
  int hidden_size = 0;       // C
  int num_layers = 0;
  int num_heads = 0;  // divides C
  int intermediate_size = 0;
  int vocab_size = 0;
  int max_positions = 0;
  int type_vocab_size = 0;
  float layer_norm_eps = 0;
  Activation activation = Activation::kGelu;

  int max_tokens = 0;        // of a sequence with its special tokens; at most max_positions
  bool lower_case = false;   // texts are lower-cased before the tokenizer sees them
  bool has_modules = false;  // false: no modules.json; pooling and normalise are our defaults
  Pooling pooling = Pooling::kMean;
  bool normalise = true;
  std::string query_prompt;
  std::string passage_prompt;

  // Where config.json, the weights and the tokenizer lie, relative to the model's directory: "" or,
  // in older models, "0_Transformer".
  std::string transformer_path;
  // Where the pooling module's config.json lies; empty without modules.json.
  std::string pooling_path;

  int head_size() const { return hidden_size / num_heads; }
};

// Reads config.json, modules.json, the pooling module's config.json, sentence_bert_config.json,
// tokenizer_config.json and config_sentence_transformers.json; only the first must be there.
absl::StatusOr<Config> LoadConfig(const std::filesystem::path& dir);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_CONFIG_H_
