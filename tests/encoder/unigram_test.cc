#include "encoder/unigram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "encoder/utf8.h"
#include "tests/encoder/golden.h"
#include "tests/encoder/random_text.h"

namespace kith::encoder {
namespace {

using std::string_view_literals::operator""sv;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kMark = "\u2581";

// <unk> is 0; random pieces of a, b, c and the mark, and all single characters but "d".
UnigramConfig RandomConfig(uint64_t seed) {
  RandomText random(seed);
  UnigramConfig config;
  std::map<std::string, bool> seen;
  const auto add = [&](const std::string& text, double score) {
    if (!seen.emplace(text, true).second) return;
    config.vocabulary.push_back({text, text != "<unk>"});
    config.scores.push_back(score);
  };
  add("<unk>", 0);
  for (const std::string& text : {kMark, std::string("a"), std::string("b"), std::string("c")}) {
    add(text, -3 - 0.001 * static_cast<double>(random.Below(1000)));
  }
  for (int i = 0; i < 12; ++i) {
    std::string piece = random.Below(3) == 0 ? kMark : "";
    for (size_t size = 1 + random.Below(3); size > 0; --size) piece += "abc"[random.Below(3)];
    add(piece, -4 - 0.001 * static_cast<double>(random.Below(4000)));
  }
  return config;
}

// Over all ways to spell it: the largest sum.
double BestPlainly(const UnigramConfig& config, const std::string& word, size_t from,
                   double unknown) {
  if (from == word.size()) return 0;
  double best = -std::numeric_limits<double>::infinity();
  bool spelled = false;
  const size_t size = DecodeUtf8(word, from).size_bytes;
  for (size_t id = 1; id < config.vocabulary.size(); ++id) {
    const std::string& piece = config.vocabulary[id].text;
    if (word.compare(from, piece.size(), piece) != 0) continue;
    spelled = spelled || piece.size() == size;
    best =
        std::max(best, config.scores[id] + BestPlainly(config, word, from + piece.size(), unknown));
  }
  if (!spelled) best = std::max(best, unknown + BestPlainly(config, word, from + size, unknown));
  return best;
}

TEST(UnigramTest, RandomVocabulariesSpellRandomWordsWithTheLargestSum) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const UnigramConfig config = RandomConfig(seed);
    double worst = 0;
    for (size_t id = 1; id < config.scores.size(); ++id) worst = std::min(worst, config.scores[id]);
    const auto made = Unigram::Create("test", config);
    ASSERT_TRUE(made.ok()) << made.status();
    RandomText random(seed + 500);
    for (int i = 0; i < 30; ++i) {
      std::string word;
      for (size_t size = 1 + random.Below(9); size > 0; --size) word += "aabbccd"[random.Below(7)];
      std::vector<Token> tokens;
      (*made)->Tokenize(word, &tokens);
      double sum = 0;
      uint32_t covered = 0;
      for (const Token& token : tokens) {
        ASSERT_EQ(token.begin, covered) << word << ", seed " << seed;
        covered = token.end;
        // A run of unknown characters is one token.
        sum += token.id == 0 ? (worst - 10) * (token.end - token.begin)
                             : config.scores[static_cast<size_t>(token.id)];
      }
      ASSERT_EQ(covered, word.size());
      ASSERT_NEAR(sum, BestPlainly(config, kMark + word, 0, worst - 10), 1e-9)
          << word << ", seed " << seed;
    }
  }
}

TEST(UnigramTest, OffsetsPointIntoTheOriginalTextWhereNormalisationChangesLengths) {
  const auto tokenizer = Tokenizer::Load(TestData() / "tiny-xlmr-mean");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const std::string text = "the \uff21\ufb01  \u3000 \u337f<mask>the";
  std::vector<Token> tokens;
  (*tokenizer)->Tokenize(text, &tokens);
  uint32_t begin = 0, end = 0;
  for (const Token& token : tokens) {
    EXPECT_LE(begin, token.begin);
    EXPECT_LE(end, token.end);
    begin = token.begin;
    end = token.end;
  }
  EXPECT_EQ(tokens.front().begin, 0u);
  EXPECT_EQ(tokens.front().end, 3u);
  EXPECT_EQ(tokens.back().begin, text.size() - 3);
  EXPECT_EQ(tokens.back().end, text.size());
  EXPECT_EQ((*tokenizer)->TokenText(tokens.back().id), kMark + "the");
}

TEST(UnigramTest, SpacesInARowAreWordsOfTheirOwnUnlessTheyAreCollapsed) {
  UnigramConfig config = RandomConfig(1);
  config.split_at_white_space = false;
  const auto pieces = [&](const char* text) {
    const auto made = Unigram::Create("test", config);
    std::vector<Token> tokens;
    (*made)->Tokenize(text, &tokens);
    std::string joined;
    for (const Token& token : tokens) joined += (*made)->TokenText(token.id);
    return joined;
  };
  EXPECT_EQ(pieces("a  b "), "\u2581a\u2581\u2581b\u2581");
  config.collapse_spaces = true;
  EXPECT_EQ(pieces("a  b "), "\u2581a\u2581b\u2581");
  EXPECT_EQ(pieces(" a"), "\u2581a");
  config.split_at_white_space = true;
  EXPECT_EQ(pieces(" a \n b "), "\u2581a\u2581b");
}

TEST(UnigramTest, ADamagedCharacterMapIsRefusedOrChangesTheTextAndNothingElse) {
  const auto map_of = [](std::string bytes) { return PrecompiledCharsmap::Parse("test", bytes); };
  EXPECT_TRUE(map_of("").ok());
  for (const std::string_view lie :
       {"abc\0\0\0\0\0"sv, "\x03\0\0\0abcd"sv, "\xFF\xFF\xFF\xFF abc"sv}) {
    ASSERT_EQ(lie.size(), 8u);
    EXPECT_THAT(std::string(map_of(std::string(lie)).status().message()),
                HasSubstr("the precompiled character map has 8 bytes"));
  }
  for (uint64_t seed = 0; seed < 300; ++seed) {
    RandomText random(seed);
    std::string bytes(4, '\0');
    bytes[1] = 4;  // 256 units
    bytes += random.Bytes(1024) + "abc" + '\0' + "de" + '\0';
    const auto map = map_of(bytes);
    ASSERT_TRUE(map.ok()) << map.status();
    const std::string text = random.Bytes(200);
    for (size_t at = 0; at < text.size();) {
      const PrecompiledCharsmap::Piece piece = map->At(text, at);
      ASSERT_GE(piece.source_bytes, 1u);
      ASSERT_LE(at + piece.source_bytes, text.size());
      ASSERT_LE(piece.text.size(), 4u);
      at += piece.source_bytes;
    }
  }
}

TEST(UnigramTest, AHostileMegabyteIsTokenised) {
  const auto tokenizer = Tokenizer::Load(TestData() / "tiny-xlmr-mean");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  std::vector<Token> tokens;
  for (const char* piece : {"a", "\u0e2a", "\xFF", " ", "e\u0301", "\ufdfa"}) {
    std::string text;
    while (text.size() < 1 << 20) text += piece;
    (*tokenizer)->Tokenize(text, &tokens);
    if (piece[0] != ' ') {
      EXPECT_EQ(tokens.back().end, text.size());
    }
  }
}

TEST(UnigramTest, ScoresThatAreNoNumbersAreRefused) {
  UnigramConfig config = RandomConfig(1);
  config.scores[2] = NAN;
  EXPECT_THAT(std::string(Unigram::Create("test", config).status().message()),
              HasSubstr("test: the score of token 2 is not a finite number"));
  config.scores.pop_back();
  EXPECT_FALSE(Unigram::Create("test", config).ok());
}

}  // namespace
}  // namespace kith::encoder
