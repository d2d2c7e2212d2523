#include "tests/encoder/model_files.h"

#include <stdlib.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>

#include "encoder/safetensors.h"
#include "kith/base/check.h"

namespace kith::encoder::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The 16 bits of a number that binary16 holds exactly.
uint16_t HalfBits(float number) {
  const uint32_t sign = std::signbit(number) ? 0x8000 : 0;
  const double magnitude = std::fabs(number);
  if (magnitude < 0x1p-14) return static_cast<uint16_t>(sign | std::lround(magnitude * 0x1p24));
  int exponent = 0;
  const double fraction = std::frexp(magnitude, &exponent);  // in [0.5, 1)
  const long mantissa = std::lround((fraction * 2 - 1) * 1024);
  return static_cast<uint16_t>(sign | (static_cast<uint32_t>(exponent - 1 + 15) << 10) | mantissa);
}

template <typename T>
void AppendBytes(const T& value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

class RandomTensors {
 public:
  explicit RandomTensors(uint32_t seed) : random_(seed) {}

  void Add(const std::string& name, std::vector<uint64_t> shape, float mean, float deviation) {
    Tensor tensor;
    size_t count = 1;
    for (const uint64_t extent : shape) count *= extent;
    tensor.shape = std::move(shape);
    std::normal_distribution<float> normal(mean, deviation);
    for (size_t i = 0; i < count; ++i) tensor.numbers.push_back(normal(random_));
    tensors[name] = std::move(tensor);
  }
  void AddLinear(const std::string& name, uint64_t outputs, uint64_t inputs) {
    Add(name + ".weight", {outputs, inputs}, 0, 1.1f / std::sqrt(static_cast<float>(inputs)));
    Add(name + ".bias", {outputs}, 0, 0.1f);
  }
  void AddNorm(const std::string& name, uint64_t size) {
    Add(name + ".weight", {size}, 1, 0.2f);
    Add(name + ".bias", {size}, 0, 0.1f);
  }

  Tensors tensors;

 private:
  std::mt19937 random_;
};

}  // namespace

void ModelDir::CopyReference(std::string_view name) {
  fs::copy(fs::path(KITH_TEST_DATA) / "encoder" / name, path(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  Remove("golden.jsonl");
}

void ModelDir::Write(const std::string& file, std::string_view content) {
  folder_.Write(file, content);
}

std::string ModelDir::Read(const std::string& file) const {
  std::ifstream in(path() / file, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

void ModelDir::Remove(const std::string& file) { fs::remove_all(path() / file); }

void ModelDir::Edit(const std::string& file, const json& changes) {
  json root = json::parse(Read(file));
  root.merge_patch(changes);
  Write(file, root.dump(2));
}

std::string SafetensorsFile(std::string_view header, std::string_view data) {
  std::string file;
  AppendBytes(static_cast<uint64_t>(header.size()), &file);
  file += header;
  file += data;
  return file;
}

std::string SafetensorsFile(const Tensors& tensors, std::string_view dtype) {
  json header = json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.size();
    for (const float number : tensor.numbers) {
      if (dtype == "F32") {
        AppendBytes(number, &data);
      } else if (dtype == "F16") {
        AppendBytes(HalfBits(number), &data);
      } else {
        AppendBytes(static_cast<uint16_t>(std::bit_cast<uint32_t>(number) >> 16), &data);
      }
    }
    header[name] = {
        {"dtype", dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  return SafetensorsFile(header.dump(), data);
}

Tensors ReadTensors(const fs::path& file) {
  const auto opened = Safetensors::Open(file);
  KITH_CHECK(opened.ok(), "the reference file is sound");
  Tensors tensors;
  for (const auto& [name, entry] : opened->tensors()) {
    if (entry.dtype == "I64") continue;
    Tensor tensor = {entry.shape, std::vector<float>(entry.count())};
    KITH_CHECK(opened->ReadFloats(name, entry, tensor.numbers.data()).ok(), "it can be read");
    tensors[name] = std::move(tensor);
  }
  return tensors;
}

void WriteRandomModel(const ModelShape& shape, uint32_t seed, ModelDir* dir) {
  const auto size = static_cast<uint64_t>(shape.hidden);
  const auto inner = static_cast<uint64_t>(shape.inner);
  RandomTensors random(seed);
  random.Add("embeddings.word_embeddings.weight", {static_cast<uint64_t>(shape.vocab), size}, 0, 1);
  random.Add("embeddings.position_embeddings.weight",
             {static_cast<uint64_t>(shape.positions), size}, 0, 0.3f);
  random.Add("embeddings.token_type_embeddings.weight", {static_cast<uint64_t>(shape.types), size},
             0, 0.3f);
  random.AddNorm("embeddings.LayerNorm", size);
  for (int i = 0; i < shape.layers; ++i) {
    const std::string layer = "encoder.layer." + std::to_string(i) + ".";
    for (const char* part : {"query", "key", "value"}) {
      random.AddLinear(layer + "attention.self." + part, size, size);
    }
    random.AddLinear(layer + "attention.output.dense", size, size);
    random.AddNorm(layer + "attention.output.LayerNorm", size);
    random.AddLinear(layer + "intermediate.dense", inner, size);
    random.AddLinear(layer + "output.dense", size, inner);
    random.AddNorm(layer + "output.LayerNorm", size);
  }
  dir->Write("model.safetensors", SafetensorsFile(random.tensors));
  dir->Write("config.json", json{{"model_type", "bert"},
                                 {"hidden_size", shape.hidden},
                                 {"num_hidden_layers", shape.layers},
                                 {"num_attention_heads", shape.heads},
                                 {"intermediate_size", shape.inner},
                                 {"vocab_size", shape.vocab},
                                 {"max_position_embeddings", shape.positions},
                                 {"type_vocab_size", shape.types},
                                 {"hidden_act", shape.activation}}
                                .dump());
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (int i = 5; i < shape.vocab; ++i) vocabulary += "w" + std::to_string(i) + "\n";
  dir->Write("vocab.txt", vocabulary);
  json modules = json::array();
  const auto add_module = [&](const char* kind, const char* path) {
    modules.push_back({{"idx", modules.size()},
                       {"name", std::to_string(modules.size())},
                       {"path", path},
                       {"type", std::string("sentence_transformers.models.") + kind}});
  };
  add_module("Transformer", "");
  add_module("Pooling", "1_Pooling");
  if (shape.normalise) add_module("Normalize", "2_Normalize");
  dir->Write("modules.json", modules.dump());
  dir->Write("1_Pooling/config.json", json{{"word_embedding_dimension", shape.hidden},
                                           {"pooling_mode_" + shape.pooling, true}}
                                          .dump());
}

}  // namespace kith::encoder::testing
