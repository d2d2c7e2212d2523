#include "encoder/tokenizer_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "encoder/tokenizer.h"
#include "kith/base/error.h"
#include "nlohmann/json.hpp"
#include "tests/encoder/golden.h"
#include "tests/encoder/random_text.h"

namespace kith::encoder {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class TokenizerFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::path(testing::TempDir()) /
           ("kith_tokenizer_files_" + std::to_string(getpid()));
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void Write(const char* name, const std::string& content) {
    std::ofstream(dir_ / name, std::ios::binary) << content;
  }

  void ExpectRefused(const std::string& message) {
    const auto tokenizer = Tokenizer::Load(dir_);
    ASSERT_FALSE(tokenizer.ok()) << "accepted, instead of: " << message;
    EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(DetailsOf(tokenizer.status()).reason, reason::kInvalidModel);
    EXPECT_THAT(std::string(tokenizer.status().message()), HasSubstr(message));
  }

  static json Good() {
    std::ifstream file(TestData() / "tiny-bert-mean" / "tokenizer.json");
    return json::parse(file);
  }

  std::filesystem::path dir_;
};

TEST_F(TokenizerFilesTest, WhatIsDamagedOrUnsupportedIsRefusedByASentence) {
  struct Row {
    std::function<void(json&)> damage;
    const char* message;
  };
  const Row kRows[] = {
      {[](json& j) { j["model"]["type"] = "Unigram"; },
       "tokenizer.json: the type of model is \"Unigram\"; supported is WordPiece"},
      {[](json& j) { j["model"]["type"] = "BPE"; }, "is \"BPE\"; supported is WordPiece"},
      {[](json& j) { j["model"] = 7; }, "model is number, it must be an object"},
      {[](json& j) { j.erase("model"); }, "model is null, it must be an object"},
      {[](json& j) { j["model"]["vocab"] = json::array(); },
       "model.vocab is array, it must be an object"},
      {[](json& j) { j["model"]["vocab"]["railway"] = "5"; },
       "model.vocab[\"railway\"] is string, it must be an integer from 0 to 999999"},
      {[](json& j) { j["model"]["vocab"]["railway"] = -5; }, "[\"railway\"] is -5"},
      {[](json& j) { j["model"]["vocab"]["railway"] = 1e30; }, "it must be an integer"},
      {[](json& j) { j["model"]["vocab"]["railway"] = 4294967301; }, "is 4294967301"},
      {[](json& j) { j["model"]["vocab"]["railway"] = 6; },
       "tokenizer.json: the tokens \"##ncy\" and \"railway\" share the id 6"},
      {[](json& j) { j["model"]["vocab"].erase("railway"); },
       "ids must be dense: 1599 tokens, and the highest id is 1599"},
      {[](json& j) { j["model"]["vocab"] = json::object(); }, "is not in the vocabulary"},
      {[](json& j) { j["model"]["unk_token"] = "<unk>"; },
       "the unknown token \"<unk>\" is not in the vocabulary"},
      {[](json& j) { j["model"]["max_input_chars_per_word"] = 1000; },
       "model.max_input_chars_per_word is 1000, it must be an integer from 0 to 256"},
      {[](json& j) { j["model"]["continuing_subword_prefix"] = nullptr; },
       "model.continuing_subword_prefix is missing"},
      {[](json& j) { j["normalizer"] = nullptr; },
       "the type of normalizer is \"null\"; supported is BertNormalizer"},
      {[](json& j) { j["normalizer"]["type"] = "NFKC"; }, "normalizer is \"NFKC\""},
      {[](json& j) { j["normalizer"]["lowercase"] = "yes"; },
       "normalizer.lowercase is string, it must be true or false"},
      {[](json& j) { j["pre_tokenizer"]["type"] = "ByteLevel"; },
       "pre_tokenizer is \"ByteLevel\"; supported is BertPreTokenizer"},
      {[](json& j) { j["post_processor"] = nullptr; },
       "post_processor is \"null\"; supported is TemplateProcessing or BertProcessing"},
      {[](json& j) { j["post_processor"]["type"] = "RobertaProcessing"; }, "RobertaProcessing"},
      {[](json& j) { j["post_processor"]["single"].erase(0); }, "post_processor.single is not"},
      {[](json& j) { j["post_processor"]["single"][0]["SpecialToken"]["id"] = "<s>"; },
       "post_processor.single is not supported"},
      {[](json& j) { j["post_processor"]["single"][0]["SpecialToken"] = 3; }, "single is not"},
      {[](json& j) {
         j["post_processor"] = {{"type", "BertProcessing"}, {"cls", {"[CLS]", 3}}};
       },
       "post_processor.cls gives \"[CLS]\" the id 3, the vocabulary does not"},
      {[](json& j) {
         j["post_processor"] = {{"type", "BertProcessing"}, {"cls", {"[CLS]"}}};
       },
       "post_processor.cls must be [token, id]"},
      {[](json& j) { j["added_tokens"] = "none"; }, "added_tokens is string"},
      {[](json& j) { j["added_tokens"][0] = 3; }, "added_tokens[0] is number"},
      {[](json& j) { j["added_tokens"][0]["normalized"] = true; },
       "added_tokens[0] \"[PAD]\" is to be found in normalised text"},
      {[](json& j) { j["added_tokens"][0]["id"] = 9; },
       "added_tokens[0] \"[PAD]\" has the id 9, the vocabulary gives it 0"},
      {[](json& j) { j["added_tokens"][1] = j["added_tokens"][0]; },
       "added_tokens[1] \"[PAD]\" was added before"},
      {[](json& j) { j["added_tokens"][0]["content"] = "[NEW]"; },
       "the tokens \"[NEW]\" and \"[PAD]\" share the id 0"},
      {[](json& j) {
         json deep;
         for (int i = 0; i < 40; ++i) deep = json::array({deep});
         j["padding"] = deep;
       },
       "nested more than 32 levels deep"},
      {[](json& j) { j = json::array(); }, "the whole is array, it must be an object"},
  };
  for (const Row& row : kRows) {
    json file = Good();
    row.damage(file);
    Write("tokenizer.json", file.dump());
    ExpectRefused(row.message);
  }
}

TEST_F(TokenizerFilesTest, WhatIsNoJsonOrTooMuchOfItIsRefused) {
  Write("tokenizer.json", "{\"model\": {\"type\": \"WordPie");
  ExpectRefused("tokenizer.json: not valid JSON");
  Write("tokenizer.json", "");
  ExpectRefused("tokenizer.json: not valid JSON");
  Write("tokenizer.json", "{\"a\": \"\xFF\"}");
  ExpectRefused("tokenizer.json: not valid JSON");
  std::string many = "[0";
  for (int i = 0; i < 2'500'000; ++i) many += ",0";
  Write("tokenizer.json", many + "]");
  ExpectRefused("tokenizer.json: more than 2500000 values");
  Write("tokenizer.json", std::string(100'000, '['));
  ExpectRefused("tokenizer.json: nested more than 32 levels deep");
  std::filesystem::resize_file(dir_ / "tokenizer.json", (32 << 20) + 1);
  ExpectRefused("33554433 bytes, at most 33554432 are allowed");
}

TEST_F(TokenizerFilesTest, DamagedBytesNeverCrashTheLoader) {
  const std::string good = Good().dump();
  for (uint64_t seed = 0; seed < 300; ++seed) {
    RandomText random(seed);
    std::string bad = good.substr(0, 2000);  // the structure; the rest is vocabulary
    bad += good.substr(good.size() - 300);
    for (size_t i = 1 + random.Below(4); i > 0; --i) {
      bad[random.Below(bad.size())] = static_cast<char>(random.Below(256));
    }
    Write("tokenizer.json", bad);
    EXPECT_FALSE(Tokenizer::Load(dir_).ok()) << "seed " << seed;  // its vocabulary has holes
    std::string damaged = good;
    damaged[random.Below(2000)] ^= static_cast<char>(1 << random.Below(8));
    Write("tokenizer.json", damaged);
    const auto loaded = Tokenizer::Load(dir_);  // a comma in a name hurts nobody
    if (!loaded.ok()) {
      EXPECT_EQ(DetailsOf(loaded.status()).reason, reason::kInvalidModel) << "seed " << seed;
    }
  }
}

TEST_F(TokenizerFilesTest, VariantsOfRealFilesAreRead) {
  json file = Good();
  file["model"].erase("type");  // as the library's first versions wrote it
  file["post_processor"] = {
      {"type", "BertProcessing"}, {"sep", {"[SEP]", 3}}, {"cls", {"[CLS]", 2}}};
  file["added_tokens"].push_back({{"id", 1600},
                                  {"content", "<doc>"},
                                  {"special", true},
                                  {"single_word", false},
                                  {"lstrip", false},
                                  {"rstrip", false},
                                  {"normalized", false}});
  Write("tokenizer.json", file.dump());
  const auto tokenizer = Tokenizer::Load(dir_);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->vocab_size(), 1601);
  EXPECT_EQ((*tokenizer)->special().cls, 2);
  EXPECT_EQ((*tokenizer)->special().sep, 3);
  std::vector<Token> tokens;
  (*tokenizer)->Tokenize("the<doc>railway", &tokens);
  ASSERT_EQ(tokens.size(), 3u);
  EXPECT_EQ(tokens[1].id, 1600);
  EXPECT_EQ((*tokenizer)->TokenText(1600), "<doc>");
  EXPECT_EQ((*tokenizer)->TokenText(1601), "");
  EXPECT_EQ((*tokenizer)->TokenText(-1), "");
}

TEST_F(TokenizerFilesTest, TokenizerJsonDecidesWhereBothAreThere) {
  Write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n");
  Write("tokenizer.json", Good().dump());
  const auto tokenizer = Tokenizer::Load(dir_);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->vocab_size(), 1600);
  Write("tokenizer.json", "?");
  ExpectRefused("tokenizer.json: not valid JSON");
}

TEST_F(TokenizerFilesTest, AVocabTxtThatLiesIsRefused) {
  ExpectRefused("neither tokenizer.json nor vocab.txt is there");
  Write("vocab.txt", "[UNK]\n[CLS]\n");
  ExpectRefused("vocab.txt: no line holds the sep_token, \"[SEP]\"");
  Write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\r\na\n");
  ExpectRefused("vocab.txt: lines 4 and 5 both hold \"a\"");
  Write("vocab.txt", "[UNK]\n\xFF\n");
  ExpectRefused("vocab.txt: not UTF-8 at byte 6");
  Write("vocab.txt", "");
  ExpectRefused("no line holds the unk_token");
  Write("vocab.txt", std::string(1'000'001, '\n'));
  ExpectRefused("vocab.txt: more than 1000000 lines");
}

TEST_F(TokenizerFilesTest, ATokenizerConfigThatAsksForMoreIsRefused) {
  struct Row {
    const char* config;
    const char* message;
  };
  const Row kRows[] = {
      {R"({"tokenizer_class": "MPNetTokenizer"})",
       "tokenizer_config.json: tokenizer_class is \"MPNetTokenizer\"; supported with vocab.txt are "
       "BertTokenizer"},
      {R"({"do_basic_tokenize": false})", "do_basic_tokenize is false"},
      {R"({"never_split": ["x"]})", "never_split names words"},
      {R"({"do_lower_case": 1})", "do_lower_case must be true or false"},
      {R"({"unk_token": 1})", "unk_token must be a string, it is number"},
      {R"({"unk_token": {"content": []}})", "unk_token must be a string, it is array"},
      {R"([1])", "must be an object, it is array"},
      {R"({)", "not valid JSON"},
  };
  Write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n");
  for (const Row& row : kRows) {
    Write("tokenizer_config.json", row.config);
    ExpectRefused(row.message);
  }
}

}  // namespace
}  // namespace kith::encoder
