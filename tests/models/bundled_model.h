// The committed model and its test data, and the one encoder that all tests here share.
//
// The files are the repository's own: one that is missing or damaged throws, which fails the test.

#ifndef KITH_TESTS_MODELS_BUNDLED_MODEL_H_
#define KITH_TESTS_MODELS_BUNDLED_MODEL_H_

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "encoder/encoder.h"
#include "nlohmann/json.hpp"

namespace kith::models {

std::filesystem::path ModelDir();    // models/kith-mini
std::filesystem::path DataDir();     // tests/data/kith-mini
std::filesystem::path SamplesDir();  // docs/samples

std::string ReadText(const std::filesystem::path& path);
std::vector<std::string> ReadLines(const std::filesystem::path& path);
nlohmann::json ReadJson(const std::filesystem::path& path);

// The cells of a line of a .tsv file, `count` of them.
std::vector<std::string> Cells(const std::string& line, size_t count);

// Loaded on first use.
const encoder::Encoder& BundledEncoder();

// One embedding a text: [texts, dimension], row-major.
class Embeddings {
 public:
  Embeddings(size_t rows, size_t dimension) : dimension_(dimension), values_(rows * dimension) {}

  std::span<const float> operator[](size_t row) const {
    return std::span(values_).subspan(row * dimension_, dimension_);
  }
  float* data() { return values_.data(); }

 private:
  size_t dimension_;
  std::vector<float> values_;
};

Embeddings Embed(const std::vector<std::string>& texts, encoder::Role role);

// Summed in float64. NaN if either vector is zero.
double Cosine(std::span<const float> a, std::span<const float> b);

}  // namespace kith::models

#endif  // KITH_TESTS_MODELS_BUNDLED_MODEL_H_
