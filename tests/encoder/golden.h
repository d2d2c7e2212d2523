// The golden lines of tests/data/encoder.

#ifndef KITH_TESTS_ENCODER_GOLDEN_H_
#define KITH_TESTS_ENCODER_GOLDEN_H_

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace kith::encoder {

struct GoldenLine {
  std::string text;
  std::vector<int32_t> ids;
  bool truncated = false;
  std::vector<float> embedding;  // empty where the file has none
};

inline std::filesystem::path TestData() {
  return std::filesystem::path(KITH_TEST_DATA) / "encoder";
}

inline std::vector<GoldenLine> ReadGolden(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<GoldenLine> lines;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json parsed = nlohmann::json::parse(line);
    GoldenLine& golden = lines.emplace_back();
    golden.text = parsed.at("text");
    golden.ids = parsed.at("ids").get<std::vector<int32_t>>();
    golden.truncated = parsed.value("truncated", false);
    golden.embedding = parsed.value("embedding", std::vector<float>());
  }
  if (lines.empty()) throw std::runtime_error("no golden lines in " + path.string());
  return lines;
}

}  // namespace kith::encoder

#endif  // KITH_TESTS_ENCODER_GOLDEN_H_
