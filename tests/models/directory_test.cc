// The committed model's directory: whole, small enough to ship, and of one mind.

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "encoder/safetensors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/bundled_model.h"

namespace kith::models {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr uint64_t kMaxBytes = uint64_t{16} << 20;
constexpr uint64_t kMaxParameters = 8'000'000;

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

TEST(BundledModelDirectoryTest, HasTheFilesOfASentenceTransformersModel) {
  for (const char* file : {"config.json", "model.safetensors", "vocab.txt", "tokenizer.json",
                           "tokenizer_config.json", "modules.json", "1_Pooling/config.json",
                           "sentence_bert_config.json", "README.md", "SOURCES.md"}) {
    const std::filesystem::path path = ModelDir() / file;
    EXPECT_TRUE(std::filesystem::is_regular_file(path) && std::filesystem::file_size(path) > 0)
        << file;
  }
}

TEST(BundledModelDirectoryTest, TakesAtMost16MiB) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(ModelDir())) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  std::cout << static_cast<double>(bytes) / (1 << 20) << " MiB\n";
  EXPECT_LE(bytes, kMaxBytes);
}

TEST(BundledModelDirectoryTest, HasAtMost8MillionParametersAllInF16) {
  const auto file = encoder::Safetensors::Open(ModelDir() / "model.safetensors");
  ASSERT_TRUE(file.ok()) << file.status();
  uint64_t parameters = 0;
  for (const auto& [name, tensor] : file->tensors()) {
    EXPECT_EQ(tensor.dtype, "F16") << name;
    parameters += tensor.count();
  }
  std::cout << parameters << " parameters\n";
  EXPECT_GE(parameters, BundledEncoder().info().parameters);
  EXPECT_LE(parameters, kMaxParameters);
}

TEST(BundledModelDirectoryTest, TheVocabularyIsTheSameEverywhere) {
  const std::vector<std::string> lines = ReadLines(ModelDir() / "vocab.txt");
  const json vocabulary = ReadJson(ModelDir() / "tokenizer.json").at("model").at("vocab");
  EXPECT_EQ(lines.size(), ReadJson(ModelDir() / "config.json").at("vocab_size"));
  EXPECT_EQ(lines.size(), vocabulary.size());
  EXPECT_EQ(lines.size(), static_cast<size_t>(BundledEncoder().tokenizer().vocab_size()));
  for (size_t id = 0; id < lines.size(); ++id) {
    EXPECT_EQ(vocabulary.value(lines[id], -1), static_cast<int>(id)) << lines[id];
  }
}

TEST(BundledModelDirectoryTest, TheConfigurationFilesAgreeWithEachOther) {
  const json config = ReadJson(ModelDir() / "config.json");
  const json pooling = ReadJson(ModelDir() / "1_Pooling" / "config.json");
  const json window = ReadJson(ModelDir() / "sentence_bert_config.json").at("max_seq_length");
  const json tokenizer = ReadJson(ModelDir() / "tokenizer_config.json");
  EXPECT_EQ(pooling.at("word_embedding_dimension"), config.at("hidden_size"));
  EXPECT_LE(window, config.at("max_position_embeddings"));
  EXPECT_EQ(tokenizer.at("model_max_length"), window);
  EXPECT_EQ(tokenizer.at("do_lower_case"),
            ReadJson(ModelDir() / "tokenizer.json").at("normalizer").at("lowercase"));

  const encoder::EncoderInfo& info = BundledEncoder().info();
  EXPECT_EQ(info.name, "kith-mini");
  EXPECT_EQ(info.dimension, config.at("hidden_size"));
  EXPECT_EQ(info.num_layers, config.at("num_hidden_layers"));
  EXPECT_EQ(info.max_tokens, window);
  EXPECT_TRUE(info.has_modules);
  EXPECT_TRUE(info.normalised);
}

TEST(BundledModelDirectoryTest, TheCardLeadsToSourcesAndLicences) {
  EXPECT_THAT(ReadText(ModelDir() / "README.md"), HasSubstr("SOURCES.md"));
  EXPECT_THAT(LowerCase(ReadText(ModelDir() / "SOURCES.md")), HasSubstr("licence"));
}

}  // namespace
}  // namespace kith::models
