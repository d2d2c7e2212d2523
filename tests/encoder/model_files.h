// Model directories for tests: copies of the reference models to damage, and random models of any
// shape.

#ifndef KITH_TESTS_ENCODER_MODEL_FILES_H_
#define KITH_TESTS_ENCODER_MODEL_FILES_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/support/temp_folder.h"

namespace kith::encoder::testing {

// A model directory that vanishes with this object; empty at first.
class ModelDir {
 public:
  // A copy of tests/data/encoder/<name>, without its golden lines.
  void CopyReference(std::string_view name);

  const std::filesystem::path& path() const { return folder_.path(); }
  void Write(const std::string& file, std::string_view content);
  std::string Read(const std::string& file) const;
  void Remove(const std::string& file);
  // Sets keys of a JSON object; null removes a key.
  void Edit(const std::string& file, const nlohmann::json& changes);

 private:
  const TempFolder folder_;
};

struct Tensor {
  std::vector<uint64_t> shape;
  std::vector<float> numbers;
};
using Tensors = std::map<std::string, Tensor>;

// A safetensors file of raw parts: the header's length is the header's own.
std::string SafetensorsFile(std::string_view header, std::string_view data);

// A whole safetensors file. dtype: F32, BF16 or F16; numbers must be exact in it.
std::string SafetensorsFile(const Tensors& tensors, std::string_view dtype = "F32");

// The tensors of a file, as float32, without `position_ids`.
Tensors ReadTensors(const std::filesystem::path& file);

struct ModelShape {
  int layers = 2, hidden = 32, heads = 4, inner = 48;
  int vocab = 120, positions = 64, types = 2;
  std::string activation = "gelu";
  std::string pooling = "mean_tokens";  // pooling_mode_...
  bool normalise = true;
};

// A model with random weights that keep the activations in a sensible range. Its vocabulary: [PAD],
// [UNK], [CLS], [SEP], [MASK], then w5, w6, ...
void WriteRandomModel(const ModelShape& shape, uint32_t seed, ModelDir* dir);

}  // namespace kith::encoder::testing

#endif  // KITH_TESTS_ENCODER_MODEL_FILES_H_
