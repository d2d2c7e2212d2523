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

// Which names a checkpoint gives its tensors, and what its blocks compute. RoBERTa and XLM-RoBERTa
// are BERT with another tokenizer and positions that begin later.
enum class Family {
  kBert,
  kDistilBert,  // no segments
  kMpnet,       // no segments; attention has a bias that depends on how far apart two tokens are
};

// The feed-forward block's non-linearity.
enum class Activation { kGelu, kGeluTanh, kRelu };
std::string_view ActivationName(Activation activation);  // as config.json spells it

// A Dense module: activation(weight x + bias).
struct DenseConfig {
  enum class Activation { kIdentity, kTanh, kRelu };
  std::string path;  // its folder, relative to the model's
  int inputs = 0, outputs = 0;
  bool bias = true;
  Activation activation = Activation::kTanh;
};

struct Config {
  std::string architecture;  // model_type: "bert", "xlm-roberta"
  Family family = Family::kBert;
  int hidden_size = 0;  // C
  int num_layers = 0;
  int num_heads = 0;  // divides C
  int intermediate_size = 0;
  int vocab_size = 0;
  int max_positions = 0;     // rows of the position table
  int first_position = 0;    // the row of a sequence's first token
  int type_vocab_size = 0;   // 0: no segments
  int relative_buckets = 0;  // of MPNet's bias
  float layer_norm_eps = 0;
  Activation activation = Activation::kGelu;

  int max_tokens = 0;        // of a sequence with its special tokens; as far as positions reach
  bool lower_case = false;   // texts are lower-cased before the tokenizer sees them
  bool has_modules = false;  // false: no modules.json; pooling and normalise are our defaults
  Pooling pooling = Pooling::kMean;
  std::vector<DenseConfig> dense;  // applied to what was pooled, in this order
  bool normalise = true;
  std::string query_prompt;
  std::string passage_prompt;

  // Where config.json, the weights and the tokenizer lie, relative to the model's directory: "" or,
  // in older models, "0_Transformer".
  std::string transformer_path;
  // Where the pooling module's config.json lies; empty without modules.json.
  std::string pooling_path;

  // Of an embedding.
  int dimension() const { return dense.empty() ? hidden_size : dense.back().outputs; }
  int head_size() const { return hidden_size / num_heads; }
};

// What a model is called that nobody named: the last part of its directory's path.
std::string DirectoryName(const std::filesystem::path& dir);

// Reads config.json, modules.json, the pooling module's config.json, sentence_bert_config.json,
// tokenizer_config.json and config_sentence_transformers.json; only the first must be there.
absl::StatusOr<Config> LoadConfig(const std::filesystem::path& dir);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_CONFIG_H_
