#include "encoder/weights.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "encoder/invalid_model.h"
#include "fmt/ranges.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

constexpr std::string_view kPrefix = "bert.";

class Reader {
 public:
  Reader(const Safetensors& file, const TensorVisitor& visitor)
      : file_(file),
        visitor_(visitor),
        // Models with a head on top keep the encoder's tensors under a prefix.
        prefix_(file.tensors().contains(std::string(kPrefix) + kWordTable) ? kPrefix : "") {}

  static constexpr const char* kWordTable = "embeddings.word_embeddings.weight";

  absl::StatusOr<std::vector<float>> Read(const std::string& name,
                                          std::initializer_list<int> shape) {
    std::vector<float> numbers;
    KITH_RETURN_IF_ERROR(Append(name, shape, &numbers));
    return numbers;
  }

  // Puts the tensor's numbers behind those in `numbers`.
  absl::Status Append(const std::string& name, std::initializer_list<int> wanted,
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

  absl::StatusOr<LayerNormWeights> ReadNorm(const std::string& name, int size) {
    LayerNormWeights norm;
    KITH_ASSIGN_OR_RETURN(norm.gamma, Read(name + ".weight", {size}));
    KITH_ASSIGN_OR_RETURN(norm.beta, Read(name + ".bias", {size}));
    return norm;
  }

  // One or several linear layers of the same input, their outputs side by side.
  absl::Status ReadLinear(std::span<const std::string> names, int outputs_each, int inputs,
                          LinearWeights* weights, std::vector<float>* bias) {
    std::vector<float> rows;
    for (const std::string& name : names) {
      KITH_RETURN_IF_ERROR(Append(name + ".weight", {outputs_each, inputs}, &rows));
      KITH_RETURN_IF_ERROR(Append(name + ".bias", {outputs_each}, bias));
    }
    const int outputs = outputs_each * static_cast<int>(names.size());
    *weights = LinearWeights(rows.data(), outputs, inputs);
    return absl::OkStatus();
  }

  uint64_t parameters() const { return parameters_; }

 private:
  const Safetensors& file_;
  const TensorVisitor& visitor_;
  const std::string_view prefix_;
  uint64_t parameters_ = 0;
};

absl::StatusOr<LayerWeights> ReadLayer(const Config& config, int index, Reader* reader) {
  const int size = config.hidden_size, inner_size = config.intermediate_size;
  const std::string layer = fmt::format("encoder.layer.{}.", index);
  const std::array<std::string, 3> qkv = {
      layer + "attention.self.query", layer + "attention.self.key", layer + "attention.self.value"};
  const std::string attention_out = layer + "attention.output.dense";
  const std::string inner = layer + "intermediate.dense";
  const std::string outer = layer + "output.dense";

  LayerWeights w;
  KITH_RETURN_IF_ERROR(reader->ReadLinear(qkv, size, size, &w.qkv, &w.qkv_bias));
  KITH_RETURN_IF_ERROR(
      reader->ReadLinear({&attention_out, 1}, size, size, &w.attention_out, &w.attention_out_bias));
  KITH_ASSIGN_OR_RETURN(w.attention_norm,
                        reader->ReadNorm(layer + "attention.output.LayerNorm", size));
  KITH_RETURN_IF_ERROR(reader->ReadLinear({&inner, 1}, inner_size, size, &w.inner, &w.inner_bias));
  KITH_RETURN_IF_ERROR(reader->ReadLinear({&outer, 1}, size, inner_size, &w.outer, &w.outer_bias));
  KITH_ASSIGN_OR_RETURN(w.outer_norm, reader->ReadNorm(layer + "output.LayerNorm", size));
  return w;
}

uint64_t MemoryBytes(const Weights& weights) {
  uint64_t floats = weights.words.size() + weights.positions.size() + weights.segments.size();
  uint64_t bytes = 0;
  for (const LayerWeights& w : weights.layers) {
    for (const LinearWeights* linear : {&w.qkv, &w.attention_out, &w.inner, &w.outer}) {
      bytes += linear->memory_bytes();
    }
    floats += w.qkv_bias.size() + w.attention_out_bias.size() + w.inner_bias.size() +
              w.outer_bias.size() + 4 * w.outer_norm.gamma.size();
  }
  return bytes + floats * sizeof(float);
}

}  // namespace

absl::StatusOr<Weights> LoadWeights(const Config& config, const Safetensors& file,
                                    const TensorVisitor& visitor) {
  Reader reader(file, visitor);
  const int size = config.hidden_size;
  Weights weights;
  KITH_ASSIGN_OR_RETURN(weights.words, reader.Read(Reader::kWordTable, {config.vocab_size, size}));
  KITH_ASSIGN_OR_RETURN(weights.positions, reader.Read("embeddings.position_embeddings.weight",
                                                       {config.max_positions, size}));
  KITH_ASSIGN_OR_RETURN(weights.segments, reader.Read("embeddings.token_type_embeddings.weight",
                                                      {config.type_vocab_size, size}));
  KITH_ASSIGN_OR_RETURN(weights.embedding_norm, reader.ReadNorm("embeddings.LayerNorm", size));
  for (int i = 0; i < config.num_layers; ++i) {
    KITH_ASSIGN_OR_RETURN(LayerWeights layer, ReadLayer(config, i, &reader));
    weights.layers.push_back(std::move(layer));
  }
  weights.parameters = reader.parameters();
  weights.memory_bytes = MemoryBytes(weights);
  return weights;
}

}  // namespace kith::encoder
