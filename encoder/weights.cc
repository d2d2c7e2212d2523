#include "encoder/weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>

#include "encoder/invalid_model.h"
#include "fmt/ranges.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

constexpr char kWordTable[] = "embeddings.word_embeddings.weight";

// Models with a head on top keep the encoder's tensors under a prefix.
constexpr std::string_view kPrefixes[] = {"bert.", "roberta.", "distilbert.", "mpnet."};

// What a family calls the parts of a layer.
struct LayerNames {
  const char* layer;  // its number goes to the {}
  const char* query;
  const char* key;
  const char* value;
  const char* attention_out;
  const char* attention_norm;
  const char* inner;
  const char* outer;
  const char* outer_norm;
};

constexpr LayerNames kBertNames = {
    "encoder.layer.{}.",    "attention.self.query",   "attention.self.key",
    "attention.self.value", "attention.output.dense", "attention.output.LayerNorm",
    "intermediate.dense",   "output.dense",           "output.LayerNorm"};
constexpr LayerNames kDistilBertNames = {
    "transformer.layer.{}.", "attention.q_lin", "attention.k_lin", "attention.v_lin",
    "attention.out_lin",     "sa_layer_norm",   "ffn.lin1",        "ffn.lin2",
    "output_layer_norm"};
constexpr LayerNames kMpnetNames = {"encoder.layer.{}.",  "attention.attn.q", "attention.attn.k",
                                    "attention.attn.v",   "attention.attn.o", "attention.LayerNorm",
                                    "intermediate.dense", "output.dense",     "output.LayerNorm"};

const LayerNames& NamesOf(Family family) {
  switch (family) {
    case Family::kDistilBert:
      return kDistilBertNames;
    case Family::kMpnet:
      return kMpnetNames;
    case Family::kBert:
      break;
  }
  return kBertNames;
}

// One or several linear layers of the same input, their outputs side by side.
absl::StatusOr<LinearWeights> ReadLinear(TensorReader* reader, std::span<const std::string> names,
                                         int outputs_each, int inputs,
                                         const Arithmetic& arithmetic) {
  std::vector<float> rows, bias;
  for (const std::string& name : names) {
    KITH_RETURN_IF_ERROR(reader->Append(name + ".weight", {outputs_each, inputs}, &rows));
    KITH_RETURN_IF_ERROR(reader->Append(name + ".bias", {outputs_each}, &bias));
  }
  return LinearWeights(rows.data(), bias.data(), static_cast<int>(bias.size()), inputs, arithmetic);
}

absl::StatusOr<LayerWeights> ReadLayer(const Config& config, int index,
                                       const Arithmetic& arithmetic, TensorReader* reader) {
  const int size = config.hidden_size, inner_size = config.intermediate_size;
  const LayerNames& names = NamesOf(config.family);
  const std::string layer = fmt::format(fmt::runtime(names.layer), index);
  const std::array<std::string, 3> qkv = {layer + names.query, layer + names.key,
                                          layer + names.value};
  const std::string attention_out = layer + names.attention_out;
  const std::string inner = layer + names.inner;
  const std::string outer = layer + names.outer;

  LayerWeights w;
  KITH_ASSIGN_OR_RETURN(w.qkv, ReadLinear(reader, qkv, size, size, arithmetic));
  KITH_ASSIGN_OR_RETURN(w.attention_out,
                        ReadLinear(reader, {&attention_out, 1}, size, size, arithmetic));
  KITH_ASSIGN_OR_RETURN(w.attention_norm, reader->ReadNorm(layer + names.attention_norm, size));
  KITH_ASSIGN_OR_RETURN(w.inner, ReadLinear(reader, {&inner, 1}, inner_size, size, arithmetic));
  KITH_ASSIGN_OR_RETURN(w.outer, ReadLinear(reader, {&outer, 1}, size, inner_size, arithmetic));
  KITH_ASSIGN_OR_RETURN(w.outer_norm, reader->ReadNorm(layer + names.outer_norm, size));
  return w;
}

// [buckets, H] as stored -> [H, 2 max_tokens - 1].
std::vector<float> RelativeBias(const Config& config, const std::vector<float>& by_bucket) {
  std::vector<float> bias;
  for (int head = 0; head < config.num_heads; ++head) {
    for (int distance = 1 - config.max_tokens; distance < config.max_tokens; ++distance) {
      const int bucket = RelativeBucket(distance, config.relative_buckets);
      bias.push_back(by_bucket[static_cast<size_t>(bucket) * config.num_heads + head]);
    }
  }
  return bias;
}

uint64_t MemoryBytes(const Weights& weights) {
  uint64_t floats = weights.positions.size() + weights.segments.size() +
                    weights.relative_bias.size() + 2 * weights.embedding_norm.gamma.size();
  uint64_t bytes = weights.words.memory_bytes();
  for (const LayerWeights& w : weights.layers) {
    for (const LinearWeights* linear : {&w.qkv, &w.attention_out, &w.inner, &w.outer}) {
      bytes += linear->memory_bytes();
    }
    floats += 4 * w.outer_norm.gamma.size();
  }
  return bytes + floats * sizeof(float);
}

}  // namespace

int RelativeBucket(int distance, int buckets) {
  // In float32, since the borders depend on it.
  constexpr float kFar = 128;
  const int half = buckets / 2, near = half / 2;
  const int base = distance > 0 ? half : 0;
  const int n = std::abs(distance);
  if (n < near) return base + n;
  const float ratio = std::log(static_cast<float>(n) / static_cast<float>(near)) /
                      std::log(kFar / static_cast<float>(near));
  const int far = near + static_cast<int>(ratio * static_cast<float>(half - near));
  return base + std::min(far, half - 1);
}

void DenseWeights::Apply(const float* x, float* y) const {
  const float* row = weight.data();
  for (int o = 0; o < outputs; ++o, row += inputs) {
    double sum = bias[static_cast<size_t>(o)];
    for (int i = 0; i < inputs; ++i) sum += static_cast<double>(row[i]) * x[i];
    y[o] = static_cast<float>(sum);
  }
}

TensorReader::TensorReader(const Safetensors& file, const TensorVisitor& visitor,
                           std::span<const std::string_view> prefixes, std::string_view probe)
    : file_(file), visitor_(visitor) {
  for (const std::string_view prefix : prefixes) {
    if (!file.tensors().contains(std::string(prefix) + std::string(probe))) continue;
    prefix_ = prefix;
    return;
  }
}

absl::StatusOr<std::vector<float>> TensorReader::Read(const std::string& name,
                                                      std::initializer_list<int> shape) {
  std::vector<float> numbers;
  KITH_RETURN_IF_ERROR(Append(name, shape, &numbers));
  return numbers;
}

absl::Status TensorReader::Append(const std::string& name, std::initializer_list<int> wanted,
                                  std::vector<float>* numbers) {
  const std::vector<uint64_t> shape(wanted.begin(), wanted.end());
  const auto it = file_.tensors().find(std::string(prefix_) + name);
  if (it == file_.tensors().end()) {
    return InvalidModel("{}: tensor {} is missing; config.json asks for it with shape [{}]",
                        file_.file_name(), Quoted(name), fmt::join(shape, ", "));
  }
  const TensorEntry& entry = it->second;
  if (entry.shape != shape) {
    return InvalidModel("{}: tensor {} has shape [{}], config.json asks for [{}]",
                        file_.file_name(), Quoted(name), fmt::join(entry.shape, ", "),
                        fmt::join(shape, ", "));
  }
  // The shape is the file's own by now, so this much is really there.
  const size_t before = numbers->size();
  numbers->resize(before + entry.count());
  float* to = numbers->data() + before;
  KITH_RETURN_IF_ERROR(file_.ReadFloats(it->first, entry, to));
  parameters_ += entry.count();
  visitor_(name, shape, {to, static_cast<size_t>(entry.count())});
  return absl::OkStatus();
}

absl::StatusOr<WordTable> TensorReader::ReadTable(const std::string& name, int rows, int columns) {
  KITH_ASSIGN_OR_RETURN(std::vector<float> numbers, Read(name, {rows, columns}));
  const auto it = file_.tensors().find(std::string(prefix_) + name);
  if (it->second.dtype == "F32") return WordTable(std::move(numbers), columns);
  KITH_ASSIGN_OR_RETURN(std::vector<uint16_t> halves, file_.ReadHalves(it->second));
  return WordTable(std::move(halves), it->second.dtype == "BF16", columns);
}

absl::StatusOr<LayerNormWeights> TensorReader::ReadNorm(const std::string& name, int size) {
  LayerNormWeights norm;
  KITH_ASSIGN_OR_RETURN(norm.gamma, Read(name + ".weight", {size}));
  KITH_ASSIGN_OR_RETURN(norm.beta, Read(name + ".bias", {size}));
  return norm;
}

absl::StatusOr<DenseWeights> TensorReader::ReadDense(const std::string& name, int outputs,
                                                     int inputs, bool has_bias) {
  DenseWeights dense = {inputs, outputs, {}, {}};
  KITH_ASSIGN_OR_RETURN(dense.weight, Read(name + ".weight", {outputs, inputs}));
  if (!has_bias) {
    dense.bias.resize(static_cast<size_t>(outputs));
    return dense;
  }
  KITH_ASSIGN_OR_RETURN(dense.bias, Read(name + ".bias", {outputs}));
  return dense;
}

absl::StatusOr<Weights> LoadWeights(const Config& config, const Safetensors& file,
                                    const Arithmetic& arithmetic, const TensorVisitor& visitor) {
  TensorReader reader(file, visitor, kPrefixes, kWordTable);
  const int size = config.hidden_size;
  Weights weights;
  KITH_ASSIGN_OR_RETURN(weights.words, reader.ReadTable(kWordTable, config.vocab_size, size));
  KITH_ASSIGN_OR_RETURN(weights.positions, reader.Read("embeddings.position_embeddings.weight",
                                                       {config.max_positions, size}));
  if (config.type_vocab_size > 0) {
    KITH_ASSIGN_OR_RETURN(weights.segments, reader.Read("embeddings.token_type_embeddings.weight",
                                                        {config.type_vocab_size, size}));
  } else {
    weights.segments.resize(static_cast<size_t>(size));
  }
  KITH_ASSIGN_OR_RETURN(weights.embedding_norm, reader.ReadNorm("embeddings.LayerNorm", size));
  if (config.relative_buckets > 0) {
    KITH_ASSIGN_OR_RETURN(const std::vector<float> by_bucket,
                          reader.Read("encoder.relative_attention_bias.weight",
                                      {config.relative_buckets, config.num_heads}));
    weights.relative_bias = RelativeBias(config, by_bucket);
  }
  for (int i = 0; i < config.num_layers; ++i) {
    KITH_ASSIGN_OR_RETURN(LayerWeights layer, ReadLayer(config, i, arithmetic, &reader));
    weights.layers.push_back(std::move(layer));
  }
  weights.parameters = reader.parameters();
  weights.memory_bytes = MemoryBytes(weights);
  return weights;
}

}  // namespace kith::encoder
