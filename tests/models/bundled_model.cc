#include "tests/models/bundled_model.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kith/base/call.h"

namespace kith::models {
namespace {

std::ifstream Open(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return file;
}

void ThrowIfError(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

std::unique_ptr<const encoder::Encoder> Load() {
  // In float32 on every processor: the golden numbers are compared closely.
  auto loaded = encoder::Encoder::Load(ModelDir(), "", {"", "float32"});
  ThrowIfError(loaded.status());
  return *std::move(loaded);
}

}  // namespace

std::filesystem::path ModelDir() {
  return std::filesystem::path(KITH_SOURCE_DIR) / "models" / "kith-mini";
}
std::filesystem::path DataDir() { return std::filesystem::path(KITH_TEST_DATA) / "kith-mini"; }
std::filesystem::path SamplesDir() {
  return std::filesystem::path(KITH_SOURCE_DIR) / "docs" / "samples";
}

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file = Open(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> ReadLines(const std::filesystem::path& path) {
  std::ifstream file = Open(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

nlohmann::json ReadJson(const std::filesystem::path& path) {
  return nlohmann::json::parse(ReadText(path));
}

std::vector<std::string> Cells(const std::string& line, size_t count) {
  std::vector<std::string> cells;
  for (size_t begin = 0; begin <= line.size();) {
    const size_t end = std::min(line.find('\t', begin), line.size());
    cells.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  if (cells.size() != count) {
    throw std::runtime_error(std::to_string(count) + " cells expected in: " + line);
  }
  return cells;
}

const encoder::Encoder& BundledEncoder() {
  static const std::unique_ptr<const encoder::Encoder> encoder = Load();
  return *encoder;
}

Embeddings Embed(const std::vector<std::string>& texts, encoder::Role role) {
  const encoder::Encoder& encoder = BundledEncoder();
  std::vector<encoder::EncodedInput> inputs;
  for (const std::string& text : texts) inputs.push_back(encoder.Prepare(text, role));
  std::vector<std::span<const int32_t>> sequences;
  for (const encoder::EncodedInput& input : inputs) sequences.emplace_back(input.token_ids);

  Embeddings embeddings(texts.size(), static_cast<size_t>(encoder.info().dimension));
  const auto state = encoder.NewRunState();
  ThrowIfError(encoder.Forward(sequences, state.get(), embeddings.data(), Call::Background()));
  return embeddings;
}

double Cosine(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) throw std::runtime_error("vectors of unlike dimension");
  double dot = 0, a_squared = 0, b_squared = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    a_squared += static_cast<double>(a[i]) * a[i];
    b_squared += static_cast<double>(b[i]) * b[i];
  }
  return dot / std::sqrt(a_squared * b_squared);
}

}  // namespace kith::models
