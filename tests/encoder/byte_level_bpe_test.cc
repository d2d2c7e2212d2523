#include "encoder/byte_level_bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unicode/regex.h>
#include <unicode/unistr.h>

#include <map>
#include <string>
#include <vector>

#include "encoder/byte_level.h"
#include "kith/base/error.h"
#include "tests/encoder/golden.h"
#include "tests/encoder/random_text.h"

namespace kith::encoder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// GPT-2's regular expression, run by ICU.
std::vector<std::string> WordsByRegex(const std::string& text) {
  UErrorCode status = U_ZERO_ERROR;
  icu::RegexMatcher matcher(
      icu::UnicodeString::fromUTF8(
          R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+)"
          R"(|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+)"),
      0, status);
  const icu::UnicodeString input = icu::UnicodeString::fromUTF8(text);
  matcher.reset(input);
  std::vector<std::string> words;
  while (matcher.find()) matcher.group(status).toUTF8String(words.emplace_back());
  EXPECT_TRUE(U_SUCCESS(status));
  return words;
}

std::vector<std::string> Words(const std::string& text) {
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size();) {
    const size_t end = EndOfWord(text, at, text.size());
    if (end <= at) break;
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

TEST(ByteLevelTest, WordsAreThoseOfTheRegularExpression) {
  EXPECT_THAT(Words("I'll  say\n\n it's 2nd!! "),
              ElementsAre("I", "'ll", " ", " say", "\n\n", " it", "'s", " 2", "nd", "!!", " "));
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    RandomText random(seed);
    const std::string text = seed % 2 == 0 ? random.Ascii(60) : random.Unicode(60);
    ASSERT_EQ(Words(text), WordsByRegex(text)) << text << ", seed " << seed;
    // A space in front that is only thought of gives the words of one that is there.
    const std::string with_space = " " + text;
    const size_t end = EndOfWordAfterSpace(text, 0, text.size());
    ASSERT_EQ(" " + text.substr(0, end), Words(with_space)[0]) << text << ", seed " << seed;
  }
}

TEST(ByteLevelTest, EveryByteHasItsOwnCharacterAndBack) {
  std::map<std::string, int> seen;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string token = TokenOfByte(static_cast<unsigned char>(byte));
    EXPECT_TRUE(seen.emplace(token, byte).second);
    EXPECT_EQ(BytesOfToken(token), std::string(1, static_cast<char>(byte)));
  }
  EXPECT_EQ(TokenOfByte(' '), "\u0120");
  EXPECT_EQ(TokenOfByte('\n'), "\u010a");
  EXPECT_EQ(BytesOfToken("\u4e2d"), std::nullopt);
}

// All bytes, and `merges` random merges of tokens made before.
BpeConfig RandomConfig(uint64_t seed, size_t merges) {
  RandomText random(seed);
  BpeConfig config;
  std::map<std::string, int32_t> ids;
  const auto add = [&](const std::string& text) {
    const auto [it, is_new] = ids.emplace(text, static_cast<int32_t>(ids.size()));
    if (is_new) config.vocabulary.push_back({text, true});
    return it->second;
  };
  for (int byte = 0; byte < 256; ++byte) add(TokenOfByte(static_cast<unsigned char>(byte)));
  std::vector<int32_t> used;
  for (const char c : {'a', 'b', 'c', ' '}) used.push_back(ids.at(TokenOfByte(c)));
  while (config.merges.size() < merges) {
    const int32_t left = used[random.Below(used.size())];
    const int32_t right = used[random.Below(used.size())];
    const std::string both = config.vocabulary[static_cast<size_t>(left)].text +
                             config.vocabulary[static_cast<size_t>(right)].text;
    config.merges.push_back({left, right, add(both)});
    used.push_back(config.merges.back().result);
  }
  return config;
}

// The definition: among all pairs the one that comes first in the list, the leftmost, until none.
std::vector<int32_t> MergePlainly(const BpeConfig& config, const std::string& text) {
  std::vector<int32_t> result;
  for (const std::string& word : Words(text)) {
    std::vector<int32_t> ids;
    for (const char c : word) {
      const std::string token = TokenOfByte(static_cast<unsigned char>(c));
      for (size_t id = 0; id < 256; ++id) {
        if (config.vocabulary[id].text == token) ids.push_back(static_cast<int32_t>(id));
      }
    }
    for (bool merged = true; merged;) {
      merged = false;
      for (const BpeConfig::Merge& merge : config.merges) {
        for (size_t i = 0; i + 1 < ids.size() && !merged; ++i) {
          if (ids[i] != merge.left || ids[i + 1] != merge.right) continue;
          ids[i] = merge.result;
          ids.erase(ids.begin() + static_cast<ptrdiff_t>(i) + 1);
          merged = true;
        }
        if (merged) break;
      }
    }
    result.insert(result.end(), ids.begin(), ids.end());
  }
  return result;
}

TEST(ByteLevelBpeTest, RandomVocabulariesMergeRandomWordsAsThePlainRuleDoes) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const BpeConfig config = RandomConfig(seed, 40);
    auto made = ByteLevelBpe::Create("test", config);
    ASSERT_TRUE(made.ok()) << made.status();
    RandomText random(seed + 1000);
    for (int i = 0; i < 50; ++i) {
      std::string text;
      while (text.size() < 40) text += "aaabbc ca\n"[random.Below(10)];
      std::vector<Token> tokens;
      (*made)->Tokenize(text, &tokens);
      std::vector<int32_t> ids;
      for (const Token& token : tokens) ids.push_back(token.id);
      ASSERT_EQ(ids, MergePlainly(config, text)) << text << ", seed " << seed;
    }
  }
}

TEST(ByteLevelBpeTest, TokensAreWholeCharactersInOrderWhateverTheText) {
  const auto tokenizer = Tokenizer::Load(TestData() / "tiny-roberta-mean");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  for (uint64_t seed = 0; seed < 500; ++seed) {
    RandomText random(seed);
    const std::string text = seed % 3 == 0 ? random.Bytes(100) : random.Unicode(150);
    std::vector<Token> tokens;
    (*tokenizer)->Tokenize(text, &tokens);
    uint32_t begin = 0, end = 0;
    for (const Token& token : tokens) {
      ASSERT_LE(begin, token.begin) << "seed " << seed;
      ASSERT_LE(end, token.end) << "seed " << seed;
      ASSERT_LT(token.begin, token.end) << "seed " << seed;
      begin = token.begin;
      end = token.end;
      if (seed % 3 == 0) continue;
      EXPECT_FALSE(IsUtf8Continuation(text[begin])) << "seed " << seed;
      EXPECT_TRUE(end == text.size() || !IsUtf8Continuation(text[end])) << "seed " << seed;
    }
    EXPECT_EQ(end, text.size()) << "seed " << seed;
  }
}

TEST(ByteLevelBpeTest, AHostileMegabyteIsMergedInTime) {
  const BpeConfig config = RandomConfig(3, 60);
  auto made = ByteLevelBpe::Create("test", config);
  ASSERT_TRUE(made.ok()) << made.status();
  std::vector<Token> tokens;
  for (const char* piece : {"a", "ab", "\xFF", " ", "\u0301"}) {
    std::string text;
    while (text.size() < 1 << 20) text += piece;
    (*made)->Tokenize(text, &tokens);
    EXPECT_EQ(tokens.back().end, text.size());
  }
}

TEST(ByteLevelBpeTest, AVocabularyWithoutAByteOrAMergeOutOfItIsRefused) {
  BpeConfig config = RandomConfig(1, 5);
  config.vocabulary['x'].in_model = false;
  const auto missing = ByteLevelBpe::Create("test", config);
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("test: the vocabulary has no token for the byte 0x78"));
  config = RandomConfig(1, 5);
  config.merges.push_back({1, 2, 100'000});
  const auto outside = ByteLevelBpe::Create("test", config);
  EXPECT_THAT(std::string(outside.status().message()), HasSubstr("names the id 100000"));
}

}  // namespace
}  // namespace kith::encoder
