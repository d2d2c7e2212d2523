// The bundled model in C++ against the training code's float32, text by text.

#include "tests/encoder/golden.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "encoder/tokenizer.h"
#include "gtest/gtest.h"
#include "tests/models/bundled_model.h"

namespace kith::models {
namespace {

using encoder::GoldenLine;
using encoder::Role;
using encoder::Token;

constexpr double kSmallestCosine = 0.9999;

// In a model whose special tokens carry no content (the identity start of models/training) a text
// without tokens of its own has no direction: zero here, rounding noise blown up to length 1 there.
bool HasNoDirection(const GoldenLine& line, std::span<const float> embedding) {
  constexpr size_t kSpecialTokens = 2;
  return line.ids.size() == kSpecialTokens &&
         std::all_of(embedding.begin(), embedding.end(), [](float value) { return value == 0; });
}

std::vector<GoldenLine> Golden() { return encoder::ReadGolden(DataDir() / "golden.jsonl"); }

TEST(BundledModelGoldenTest, TokenIdsAndTruncationAreThoseOfTheTrainingCode) {
  int whole = 0, truncated = 0;
  for (const GoldenLine& line : Golden()) {
    const encoder::EncodedInput input = BundledEncoder().Prepare(line.text, Role::kPassage);
    EXPECT_EQ(input.token_ids, line.ids) << line.text;
    EXPECT_EQ(input.truncated(), line.truncated) << line.text;
    ++(line.truncated ? truncated : whole);
  }
  EXPECT_GT(whole, 0);
  EXPECT_GT(truncated, 0) << "no golden text is longer than the model's window";
}

TEST(BundledModelGoldenTest, EmbeddingsAreThoseOfTheTrainingCode) {
  const std::vector<GoldenLine> golden = Golden();
  std::vector<std::string> texts;
  for (const GoldenLine& line : golden) texts.push_back(line.text);
  const Embeddings embeddings = Embed(texts, Role::kPassage);

  size_t compared = 0;
  double smallest_cosine = 1, largest_difference = 0;
  for (size_t i = 0; i < golden.size(); ++i) {
    ASSERT_EQ(embeddings[i].size(), golden[i].embedding.size());
    if (HasNoDirection(golden[i], embeddings[i])) continue;
    ++compared;
    const double cosine = Cosine(embeddings[i], golden[i].embedding);
    EXPECT_GE(cosine, kSmallestCosine) << golden[i].text;
    smallest_cosine = std::min(smallest_cosine, cosine);
    for (size_t c = 0; c < embeddings[i].size(); ++c) {
      largest_difference = std::max(largest_difference,
                                    std::fabs(double{embeddings[i][c]} - golden[i].embedding[c]));
    }
  }
  std::cout << compared << " of " << golden.size() << " texts compared: smallest cosine 1 - "
            << 1 - smallest_cosine << ", largest difference of a component " << largest_difference
            << "\n";
}

// The directory carries the vocabulary twice, and libraries differ in which file they read.
TEST(BundledModelGoldenTest, VocabTxtAloneGivesTheTokensOfTokenizerJson) {
  const std::filesystem::path dir = std::filesystem::path(::testing::TempDir()) /
                                    ("kith_bundled_vocabulary_" + std::to_string(::getpid()));
  std::filesystem::create_directories(dir);
  for (const char* file : {"vocab.txt", "tokenizer_config.json"}) {
    std::filesystem::copy_file(ModelDir() / file, dir / file);
  }
  const auto plain = encoder::Tokenizer::Load(dir);
  std::filesystem::remove_all(dir);
  ASSERT_TRUE(plain.ok()) << plain.status();

  const auto ids = [](const encoder::Tokenizer& tokenizer, const std::string& text) {
    std::vector<Token> tokens;
    tokenizer.Tokenize(text, &tokens);
    std::vector<int32_t> ids;
    for (const Token& token : tokens) ids.push_back(token.id);
    return ids;
  };
  for (const GoldenLine& line : Golden()) {
    EXPECT_EQ(ids(**plain, line.text), ids(BundledEncoder().tokenizer(), line.text)) << line.text;
  }
}

}  // namespace
}  // namespace kith::models
