#include "encoder/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "encoder/utf8.h"
#include "tests/encoder/golden.h"
#include "tests/encoder/random_text.h"
#include "tests/support/temp_folder.h"

namespace kith::encoder {
namespace {

using testing::ElementsAre;

std::unique_ptr<const Tokenizer> Load(const std::filesystem::path& dir, bool lower_case = false) {
  auto tokenizer = Tokenizer::Load(dir, lower_case);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

std::vector<Token> Tokenize(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<Token> tokens;
  tokenizer.Tokenize(text, &tokens);
  return tokens;
}

// As the golden lines have them: between the special tokens, cut to the first `max_tokens`.
std::vector<int32_t> ModelInput(const Tokenizer& tokenizer, std::string_view text,
                                size_t max_tokens) {
  std::vector<int32_t> ids = {tokenizer.special().cls};
  for (const Token& token : Tokenize(tokenizer, text)) {
    if (ids.size() + 1 < max_tokens) ids.push_back(token.id);
  }
  ids.push_back(tokenizer.special().sep);
  return ids;
}

// The pieces as the vocabulary spells them.
std::vector<std::string> Spelled(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::string> pieces;
  for (const Token& token : Tokenize(tokenizer, text)) {
    pieces.emplace_back(tokenizer.TokenText(token.id));
  }
  return pieces;
}

// The bytes of the text behind each token.
std::vector<std::string> Covered(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::string> spans;
  for (const Token& token : Tokenize(tokenizer, text)) {
    spans.emplace_back(text.substr(token.begin, token.end - token.begin));
  }
  return spans;
}

// A directory with the given vocabulary and, when not empty, tokenizer_config.json.
class VocabularyDir {
 public:
  explicit VocabularyDir(const std::string& config) {
    static int count = 0;
    dir_ = std::filesystem::path(testing::TempDir()) /
           ("kith_vocabulary_" + std::to_string(getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(dir_);
    std::filesystem::copy_file(TestData() / "vocab.txt", dir_ / "vocab.txt");
    if (!config.empty()) std::ofstream(dir_ / "tokenizer_config.json") << config;
  }
  ~VocabularyDir() { std::filesystem::remove_all(dir_); }
  const std::filesystem::path& path() const { return dir_; }

 private:
  std::filesystem::path dir_;
};

std::unique_ptr<const Tokenizer> RealVocabulary(const std::string& config = "") {
  return Load(VocabularyDir(config).path());
}

struct GoldenModel {
  const char* dir;
  size_t max_tokens;
};

class GoldenTokenIdsTest : public testing::TestWithParam<GoldenModel> {};

TEST_P(GoldenTokenIdsTest, AreIdenticalOnEveryLine) {
  const auto tokenizer = Load(TestData() / GetParam().dir);
  for (const GoldenLine& line : ReadGolden(TestData() / GetParam().dir / "golden.jsonl")) {
    EXPECT_EQ(ModelInput(*tokenizer, line.text, GetParam().max_tokens), line.ids) << line.text;
    EXPECT_EQ(Tokenize(*tokenizer, line.text).size() + 2 > GetParam().max_tokens, line.truncated)
        << line.text;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenTokenIdsTest,
                         testing::Values(GoldenModel{"tiny-bert-mean", 64},
                                         GoldenModel{"tiny-bert-cls-cased-f16", 96},
                                         GoldenModel{"tiny-distilbert-mean", 80},
                                         GoldenModel{"tiny-roberta-mean", 64},
                                         GoldenModel{"tiny-xlmr-mean", 64}));

// A copy of some of a model's tokenizer files.
std::unique_ptr<const Tokenizer> LoadFrom(const char* model, std::vector<const char*> files) {
  TempFolder dir;
  for (const char* file : files) {
    std::filesystem::copy_file(TestData() / model / file, dir.path() / file);
  }
  return Load(dir.path());
}

TEST(TokenizerTest, TheOlderFilesOfByteLevelBpeAndUnigramGiveTheSameTokens) {
  struct Row {
    const char* model;
    std::vector<const char*> files;
  };
  const Row kRows[] = {{"tiny-roberta-mean", {"vocab.json", "merges.txt", "tokenizer_config.json"}},
                       {"tiny-xlmr-mean", {"sentencepiece.bpe.model", "tokenizer_config.json"}}};
  for (const Row& row : kRows) {
    const auto from_json = Load(TestData() / row.model);
    const auto from_older = LoadFrom(row.model, row.files);
    EXPECT_EQ(from_older->vocab_size(), from_json->vocab_size());
    EXPECT_EQ(from_older->special().mask, from_json->special().mask);
    EXPECT_EQ(from_older->special().pair_separators, 2);
    EXPECT_EQ(from_json->special().pair_separators, 2);
    RandomText random(11);
    for (int i = 0; i < 300; ++i) {
      const std::string text = i % 2 == 0 ? random.Unicode(200) : random.Ascii(200);
      EXPECT_EQ(Spelled(*from_json, text), Spelled(*from_older, text)) << text;
      EXPECT_EQ(Covered(*from_json, text), Covered(*from_older, text)) << text;
    }
  }
}

TEST(TokenizerTest, IdsUnderTheRealVocabularyAreIdenticalOnEveryLine) {
  const auto tokenizer = RealVocabulary();
  ASSERT_EQ(tokenizer->vocab_size(), 30522);
  EXPECT_EQ(tokenizer->special().pad, 0);
  EXPECT_EQ(tokenizer->special().mask, 103);
  for (const GoldenLine& line : ReadGolden(TestData() / "tokenizer_real_vocab.jsonl")) {
    EXPECT_EQ(ModelInput(*tokenizer, line.text, SIZE_MAX), line.ids) << line.text;
  }
}

TEST(TokenizerTest, VocabTxtAndTokenizerJsonOfOneModelAgree) {
  for (const char* model : {"tiny-bert-mean", "tiny-bert-cls-cased-f16"}) {
    const auto from_json = Load(TestData() / model);
    VocabularyDir dir("");
    for (const char* file : {"vocab.txt", "tokenizer_config.json"}) {
      std::filesystem::copy_file(TestData() / model / file, dir.path() / file,
                                 std::filesystem::copy_options::overwrite_existing);
    }
    const auto from_txt = Load(dir.path());
    EXPECT_EQ(from_json->special().cls, from_txt->special().cls);
    EXPECT_EQ(from_json->special().mask, from_txt->special().mask);
    RandomText random(7);
    for (int i = 0; i < 200; ++i) {
      const std::string text = random.Unicode(200);
      EXPECT_EQ(Spelled(*from_json, text), Spelled(*from_txt, text));
    }
  }
}

TEST(TokenizerTest, OffsetsPointIntoTheOriginalTextWhereNormalisationChangesLengths) {
  const auto tokenizer = RealVocabulary();
  EXPECT_THAT(Spelled(*tokenizer, "Caf\u00c9s na\u00efve"), ElementsAre("cafes", "naive"));
  EXPECT_THAT(Covered(*tokenizer, "Caf\u00c9s na\u00efve"),
              ElementsAre("Caf\u00c9s", "na\u00efve"));
  // A decomposed accent and a soft hyphen belong to the character before them.
  EXPECT_THAT(Covered(*tokenizer, "cafe\u0301 em\u00adbedding,\u0301 x"),
              ElementsAre("cafe\u0301", "em\u00ad", "bed", "ding", ",", "x"));
  EXPECT_THAT(Covered(*tokenizer, "\u4e2d\u6587"), ElementsAre("\u4e2d", "\u6587"));
  EXPECT_THAT(Covered(*tokenizer, "I\u0130\u200b\u00a0x"), ElementsAre("I\u0130\u200b", "x"));
}

TEST(TokenizerTest, SpecialTokensWrittenInTheTextAreFoundCaseSensitively) {
  const auto tokenizer = RealVocabulary();
  EXPECT_THAT(Spelled(*tokenizer, "a[MASK]b [mask][SEP]"),
              ElementsAre("a", "[MASK]", "b", "[", "mask", "]", "[SEP]"));
  EXPECT_THAT(Spelled(*tokenizer, "[[MASK]] [MAS"), ElementsAre("[", "[MASK]", "]", "[", "mas"));
}

TEST(TokenizerTest, WordsOverAHundredCharactersBecomeOneUnknownToken) {
  const auto tokenizer = RealVocabulary();
  const std::string ascii(100, 'a');
  EXPECT_GT(Tokenize(*tokenizer, ascii).size(), 1u);
  EXPECT_THAT(Spelled(*tokenizer, ascii + "a"), ElementsAre("[UNK]"));
  // Counted in characters after normalisation: the accents do not count.
  std::string accented;
  for (int i = 0; i < 100; ++i) accented += "\u00e1";
  EXPECT_EQ(Spelled(*tokenizer, accented), Spelled(*tokenizer, ascii));
  EXPECT_THAT(Spelled(*tokenizer, accented + "\u00e1 b"), ElementsAre("[UNK]", "b"));
  EXPECT_THAT(Covered(*tokenizer, accented + "\u00e1 b"), ElementsAre(accented + "\u00e1", "b"));
}

struct OptionsRow {
  const char* config;
  const char* text;
  std::vector<std::string> pieces;
};

TEST(TokenizerTest, TheOptionsOfTokenizerConfigAreHonoured) {
  const OptionsRow kRows[] = {
      {"{}", "\u00c9cole \u4e2d\u56fd", {"ecole", "\u4e2d", "\u56fd"}},
      {R"({"do_lower_case": false})", "new New \u00e9", {"new", "[UNK]", "[UNK]"}},
      {R"({"do_lower_case": false, "strip_accents": true})", "\u00e9", {"e"}},
      {R"({"strip_accents": false})", "\u00c9 X", {"[UNK]", "x"}},
      {R"({"strip_accents": null})", "\u00c9", {"e"}},
      {R"({"tokenize_chinese_chars": false})", "\u4e2d\u56fd", {"\u4e2d", "##\u56fd"}},
      {R"({"mask_token": "king", "unk_token": {"content": "queen"}})",
       "kings queens \U0001f600",
       {"king", "s", "queen", "s", "queen"}},
  };
  for (const OptionsRow& row : kRows) {
    const auto tokenizer = RealVocabulary(row.config);
    EXPECT_EQ(Spelled(*tokenizer, row.text), row.pieces) << row.config;
  }
}

TEST(TokenizerTest, SentenceTransformersLowerCaseComesBeforeACasedTokenizer) {
  const auto cased = Load(TestData() / "tiny-bert-cls-cased-f16");
  const auto lowered = Load(TestData() / "tiny-bert-cls-cased-f16", /*lower_case=*/true);
  EXPECT_EQ(Spelled(*lowered, "The Town"), Spelled(*cased, "the town"));
  EXPECT_NE(Spelled(*cased, "The Town"), Spelled(*cased, "the town"));
  EXPECT_EQ(Spelled(*lowered, "[MASK] \u00c9"), Spelled(*cased, "[mask] \u00e9"));
}

// What holds for any bytes at all.
void CheckLaws(const Tokenizer& tokenizer, std::string_view text) {
  const std::vector<Token> tokens = Tokenize(tokenizer, text);
  uint32_t begin = 0;
  uint32_t end = 0;
  for (const Token& token : tokens) {
    ASSERT_GE(token.id, 0);
    ASSERT_LT(token.id, tokenizer.vocab_size());
    ASSERT_LT(token.begin, token.end);
    ASSERT_LE(token.end, text.size());
    ASSERT_GE(token.begin, begin);
    ASSERT_GE(token.end, end);
    begin = token.begin;
    // Letters and digits between two tokens would be text that the model never sees.
    for (uint32_t i = end; i < token.begin; ++i) ASSERT_FALSE(isalnum(text[i]) && text[i] > 0);
    end = token.end;
  }
  for (size_t i = end; i < text.size(); ++i) ASSERT_FALSE(isalnum(text[i]) && text[i] > 0);
  const std::vector<Token> again = Tokenize(tokenizer, text);
  ASSERT_EQ(tokens.size(), again.size());
  for (size_t i = 0; i < tokens.size(); ++i) ASSERT_EQ(tokens[i].id, again[i].id);
}

TEST(TokenizerTest, AnyBytesGiveTokensInOrderThatCoverTheirWords) {
  const std::unique_ptr<const Tokenizer> tokenizers[] = {
      RealVocabulary(), Load(TestData() / "tiny-bert-mean"),
      Load(TestData() / "tiny-bert-cls-cased-f16")};
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomText random(seed);
    for (const auto& tokenizer : tokenizers) {
      CheckLaws(*tokenizer, random.Bytes(random.Below(300)));
      CheckLaws(*tokenizer, random.Unicode(random.Below(600)));
      CheckLaws(*tokenizer, random.Ascii(random.Below(600)));
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(TokenizerTest, TextsCutAtWhiteSpaceHaveTheTokensOfTheirParts) {
  const auto tokenizer = Load(TestData() / "tiny-bert-mean");
  for (uint64_t seed = 0; seed < 300; ++seed) {
    RandomText random(seed);
    const std::string left = random.Unicode(150);
    const std::string right = random.Unicode(150);
    std::vector<std::string> parts = Spelled(*tokenizer, left);
    for (std::string& piece : Spelled(*tokenizer, right)) parts.push_back(std::move(piece));
    EXPECT_EQ(Spelled(*tokenizer, left + " " + right), parts) << "seed " << seed;
  }
}

// Each of these took quadratic time in some tokenizer. Were it so here, a test of 4 MB would not
// end.
TEST(TokenizerTest, HostileTextsOfAMegabyteAreTokenised) {
  const auto tokenizer = Load(TestData() / "tiny-bert-cls-cased-f16");
  const auto lower = Load(TestData() / "tiny-bert-mean");
  for (std::string_view unit :
       {"a", "\u0301", "\u302e\u302f", "\u200b", "[", "[MASK", "[MASK]", " ", "\u4e2d", "\xF0",
        "\x80", "a\u0301", "\U0001f468\u200d", "##a", "."}) {
    std::string text = "e";
    while (text.size() < (1 << 20)) text += unit;
    for (const Tokenizer* each : {tokenizer.get(), lower.get()}) {
      const std::vector<Token> tokens = Tokenize(*each, text);
      ASSERT_FALSE(tokens.empty());
      EXPECT_LE(tokens.back().end, text.size());
    }
  }
}

}  // namespace
}  // namespace kith::encoder
