#include "encoder/wordpiece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "encoder/tokenizer_files.h"
#include "kith/base/error.h"
#include "tests/encoder/golden.h"
#include "tests/encoder/random_text.h"

namespace kith::encoder {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A vocabulary whose first three tokens are the special ones.
WordPieceConfig Config(std::vector<std::string> pieces) {
  WordPieceConfig config;
  config.special = {.cls = 0, .sep = 1, .unk = 2, .pad = {}, .mask = {}};
  for (const char* special : {"[CLS]", "[SEP]", "[UNK]"}) {
    config.vocabulary.push_back({special, true});
  }
  for (std::string& piece : pieces) config.vocabulary.push_back({std::move(piece), true});
  return config;
}

std::unique_ptr<const Tokenizer> Create(WordPieceConfig config) {
  auto made = WordPiece::Create("test", std::move(config));
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

std::vector<std::string> Spelled(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<Token> tokens;
  tokenizer.Tokenize(text, &tokens);
  std::vector<std::string> pieces;
  for (const Token& token : tokens) pieces.emplace_back(tokenizer.TokenText(token.id));
  return pieces;
}

TEST(WordPieceTest, TheLongestPieceWinsAndAWordThatCannotBeSpelledIsUnknownAsAWhole) {
  const auto tokenizer = Create(Config({"un", "unaff", "##aff", "##able", "##ab", "a", "##a"}));
  EXPECT_THAT(Spelled(*tokenizer, "unaffable"), ElementsAre("unaff", "##able"));
  EXPECT_THAT(Spelled(*tokenizer, "unaffab"), ElementsAre("unaff", "##ab"));
  // Greedy: "unaff" is taken although "un" would have left something spellable.
  EXPECT_THAT(Spelled(*tokenizer, "unaffaffx a"), ElementsAre("[UNK]", "a"));
  EXPECT_THAT(Spelled(*tokenizer, "##a"), ElementsAre("[UNK]", "[UNK]", "a"));
}

// The rules, read from the paper's reference and written down as plainly as can be.
std::vector<int32_t> SpellPlainly(const std::map<std::string, int32_t>& ids,
                                  const std::string& word) {
  std::vector<int32_t> pieces;
  for (size_t at = 0; at < word.size();) {
    size_t end = word.size();
    for (; end > at; --end) {
      const auto it = ids.find((at > 0 ? "##" : "") + word.substr(at, end - at));
      if (it == ids.end()) continue;
      pieces.push_back(it->second);
      break;
    }
    if (end == at) return {2};
    at = end;
  }
  return pieces;
}

TEST(WordPieceTest, RandomVocabulariesSpellRandomWordsAsThePlainRuleDoes) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    RandomText random(seed);
    // Few letters in few vocabularies and many in others: both kinds of the trie's nodes.
    const size_t letters = 2 + random.Below(24);
    const auto word = [&](size_t longest) {
      std::string out;
      for (size_t i = 1 + random.Below(longest); i > 0; --i) {
        out += static_cast<char>('a' + random.Below(letters));
      }
      return out;
    };
    std::map<std::string, int32_t> ids;
    std::vector<std::string> pieces;
    for (size_t i = random.Below(400); i > 0; --i) {
      const std::string piece = (random.Below(2) == 0 ? "##" : "") + word(4);
      if (!ids.contains(piece)) {
        ids[piece] = static_cast<int32_t>(3 + pieces.size());
        pieces.push_back(piece);
      }
    }
    const auto tokenizer = Create(Config(pieces));
    std::vector<Token> tokens;
    for (int i = 0; i < 50; ++i) {
      const std::string text = word(12);
      tokenizer->Tokenize(text, &tokens);
      std::vector<int32_t> got;
      for (const Token& token : tokens) got.push_back(token.id);
      ASSERT_EQ(got, SpellPlainly(ids, text)) << text << ", seed " << seed;
    }
  }
}

TEST(WordPieceTest, TheFastPathAndTheSlowPathGiveTheSameTokens) {
  for (const bool clean_text : {true, false}) {
    for (const bool lowercase : {true, false}) {
      auto read = ReadTokenizerJson(TestData() / "tiny-bert-mean");
      ASSERT_TRUE(read.ok()) << read.status();
      auto config = std::get<WordPieceConfig>(*std::move(read));
      config.normalizer.clean_text = clean_text;
      config.normalizer.lowercase = lowercase;
      const auto made = Create(std::move(config));
      const auto& tokenizer = static_cast<const WordPiece&>(*made);
      for (uint64_t seed = 0; seed < 500; ++seed) {
        RandomText random(seed);
        for (const std::string& text :
             {random.Ascii(400), random.Unicode(400), random.Bytes(100)}) {
          std::vector<Token> fast, slow;
          tokenizer.Tokenize(text, &fast);
          tokenizer.TokenizeWithoutFastPath(text, &slow);
          ASSERT_EQ(fast.size(), slow.size()) << "seed " << seed << ": " << text;
          for (size_t i = 0; i < fast.size(); ++i) {
            ASSERT_EQ(fast[i].id, slow[i].id) << "seed " << seed << ": " << text;
            ASSERT_EQ(fast[i].begin, slow[i].begin) << "seed " << seed << ": " << text;
            ASSERT_EQ(fast[i].end, slow[i].end) << "seed " << seed << ": " << text;
          }
        }
      }
    }
  }
}

TEST(WordPieceTest, AddedTokensTakeWhiteSpaceAlongAndKeepToWholeWordsWhereTheyAskForIt) {
  WordPieceConfig config = Config({"a", "b", "##x"});
  const auto add = [&](const char* content, bool single_word, bool lstrip, bool rstrip) {
    const auto id = static_cast<int32_t>(config.vocabulary.size());
    config.vocabulary.push_back({content, false});
    config.added_tokens.push_back({id, content, single_word, lstrip, rstrip});
  };
  add("<l>", false, true, false);
  add("<r>", false, false, true);
  add("word", true, false, false);
  add("<", false, false, false);
  add("<l><r>", false, false, false);
  const auto tokenizer = Create(std::move(config));
  const std::string_view text = "a  <l>  <r>\u3000b word words sword <l><r> < <l";
  std::vector<Token> tokens;
  tokenizer->Tokenize(text, &tokens);
  std::vector<std::string> found;
  for (const Token& token : tokens) {
    found.push_back(std::string(tokenizer->TokenText(token.id)) + "=" +
                    std::string(text.substr(token.begin, token.end - token.begin)));
  }
  EXPECT_THAT(found,
              ElementsAre("a=a", "<l>=  <l>", "<r>=<r>\u3000", "b=b", "word=word", "[UNK]=words",
                          "[UNK]=sword", "<l><r>=<l><r>", "<=<", "<=<", "[UNK]=l"));
}

TEST(WordPieceTest, BoundsAreRefusedWithTheirNumbers) {
  struct Row {
    void (*damage)(WordPieceConfig*);
    const char* message;
  };
  const Row kRows[] = {
      {[](WordPieceConfig* c) { c->max_word_characters = 257; },
       "max_input_chars_per_word is 257, it must be 1..256"},
      {[](WordPieceConfig* c) { c->max_word_characters = 0; }, "is 0, it must be 1..256"},
      {[](WordPieceConfig* c) { c->special.unk = 4; },
       "the id of the unknown token is 4, the vocabulary has 4 tokens"},
      {[](WordPieceConfig* c) { c->special.sep = -1; }, "the separator token is -1"},
      {[](WordPieceConfig* c) {
         c->added_tokens.push_back({9, "x"});
       },
       "an added token is 9"},
      {[](WordPieceConfig* c) {
         c->added_tokens.push_back({0, ""});
       },
       "has 0 bytes"},
      {[](WordPieceConfig* c) {
         c->added_tokens.push_back({0, std::string(257, 'x')});
       },
       "has 257 bytes, it must have 1..256"},
      {[](WordPieceConfig* c) { c->vocabulary[3].text.assign((8 << 20) + 1, 'x'); },
       "at most 8388608 are allowed"},
  };
  for (const Row& row : kRows) {
    WordPieceConfig config = Config({"a"});
    row.damage(&config);
    const auto made = WordPiece::Create("some.json", std::move(config));
    ASSERT_FALSE(made.ok()) << row.message;
    EXPECT_EQ(made.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(DetailsOf(made.status()).reason, reason::kInvalidModel);
    EXPECT_THAT(std::string(made.status().message()), HasSubstr(row.message));
    EXPECT_THAT(std::string(made.status().message()), HasSubstr("some.json"));
  }
}

}  // namespace
}  // namespace kith::encoder
