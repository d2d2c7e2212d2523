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

  static json Good(const char* model = "tiny-bert-mean") {
    std::ifstream file(TestData() / model / "tokenizer.json");
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
      {[](json& j) { j["model"]["type"] = "WordLevel"; },
       "tokenizer.json: the type of model is \"WordLevel\"; supported are WordPiece"},
      {[](json& j) { j["model"]["type"] = "BPE"; },
       "model.continuing_subword_prefix is not empty; supported is byte-level BPE"},
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
       "post_processor is \"null\"; supported is TemplateProcessing, BertProcessing"},
      {[](json& j) { j["post_processor"]["type"] = "ByteLevel"; }, "is \"ByteLevel\""},
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
      {[](json& j) {
         j["added_tokens"][0]["normalized"] = true;
         j["added_tokens"][0]["special"] = false;
       },
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

TEST_F(TokenizerFilesTest, WhatABpeOrUnigramFileMayNotSayIsRefusedByASentence) {
  struct Row {
    const char* model;
    std::function<void(json&)> damage;
    const char* message;
  };
  const char* const kBpe = "tiny-roberta-mean";
  const char* const kUnigram = "tiny-xlmr-mean";
  const Row kRows[] = {
      {kBpe, [](json& j) { j["model"]["merges"] = 3; }, "model.merges is number"},
      {kBpe, [](json& j) { j["model"]["merges"][1] = "he"; }, "model.merges[1] must be two tokens"},
      {kBpe, [](json& j) { j["model"]["merges"][1] = "h zzz"; },
       "\"zzz\" is not in the vocabulary"},
      {kBpe, [](json& j) { j["model"]["byte_fallback"] = true; }, "model.byte_fallback is true"},
      {kBpe, [](json& j) { j["model"]["dropout"] = 0.1; }, "model.dropout is set"},
      {kBpe,
       [](json& j) {
         j["normalizer"] = {{"type", "NFC"}};
       },
       "BPE model with a normalizer"},
      {kBpe, [](json& j) { j["pre_tokenizer"]["use_regex"] = false; }, "use_regex is false"},
      {kBpe, [](json& j) { j["pre_tokenizer"]["type"] = "Whitespace"; }, "supported is ByteLevel"},
      {kUnigram, [](json& j) { j["model"]["vocab"][5] = "x"; },
       "model.vocab[5] must be [token, score]"},
      {kUnigram, [](json& j) { j["model"]["vocab"][6] = j["model"]["vocab"][5]; },
       "model.vocab[5] and [6] are both"},
      {kUnigram, [](json& j) { j["model"]["unk_id"] = 1152; },
       "the id of the unknown token is 1152"},
      {kUnigram, [](json& j) { j["normalizer"]["precompiled_charsmap"] = "?"; }, "is not base64"},
      {kUnigram, [](json& j) { j["normalizer"]["precompiled_charsmap"] = "AAAA"; },
       "the precompiled character map has 3 bytes"},
      {kUnigram, [](json& j) { j["normalizer"]["type"] = "NFKC"; }, "the normalizer (NFKC) is not"},
      {kUnigram, [](json& j) { j["pre_tokenizer"]["pretokenizers"][1]["replacement"] = "_"; },
       "this pre_tokenizer is not supported"},
      {kUnigram, [](json& j) { j["pre_tokenizer"]["pretokenizers"][1]["replacement"] = 3; },
       "tokenizer.json: "},
  };
  for (const Row& row : kRows) {
    json file = Good(row.model);
    row.damage(file);
    Write("tokenizer.json", file.dump());
    ExpectRefused(row.message);
  }
}

TEST_F(TokenizerFilesTest, DamagedOlderFilesNeverCrashTheLoader) {
  struct Row {
    const char* model;
    const char* file;
    std::vector<const char*> others;
  };
  const Row kRows[] = {{"tiny-xlmr-mean", "sentencepiece.bpe.model", {}},
                       {"tiny-roberta-mean", "vocab.json", {"merges.txt"}},
                       {"tiny-roberta-mean", "merges.txt", {"vocab.json"}}};
  for (const Row& row : kRows) {
    const auto content = [&](const char* name) {
      std::ifstream file(TestData() / row.model / name, std::ios::binary);
      return std::string(std::istreambuf_iterator<char>(file), {});
    };
    for (const char* other : row.others) Write(other, content(other));
    const std::string good = content(row.file);
    for (uint64_t seed = 0; seed < 300; ++seed) {
      RandomText random(seed);
      std::string damaged = good;
      if (seed % 3 == 0) damaged.resize(random.Below(good.size()));
      // Half of the flips are where the structure is.
      const size_t span = seed % 2 == 0 ? good.size() : 500;
      for (size_t i = random.Below(4); i > 0 && !damaged.empty(); --i) {
        damaged[random.Below(std::min(span, damaged.size()))] ^=
            static_cast<char>(1 << random.Below(8));
      }
      Write(row.file, damaged);
      const auto loaded = Tokenizer::Load(dir_);
      if (!loaded.ok()) {
        EXPECT_EQ(DetailsOf(loaded.status()).reason, reason::kInvalidModel) << "seed " << seed;
        continue;
      }
      std::vector<Token> tokens;
      (*loaded)->Tokenize(random.Unicode(200), &tokens);
    }
    std::filesystem::remove(dir_ / row.file);
    for (const char* other : row.others) std::filesystem::remove(dir_ / other);
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
  ExpectRefused("no tokenizer: neither tokenizer.json, vocab.json");
  Write("vocab.txt", "[UNK]\n[CLS]\n");
  ExpectRefused("vocab.txt: the sep_token \"[SEP]\" is not in it");
  Write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\r\na\n");
  ExpectRefused("vocab.txt: lines 4 and 5 both hold \"a\"");
  Write("vocab.txt", "[UNK]\n\xFF\n");
  ExpectRefused("vocab.txt: not UTF-8 at byte 6");
  Write("vocab.txt", "");
  ExpectRefused("the unk_token \"[UNK]\" is not in it");
  Write("vocab.txt", std::string(1'000'001, '\n'));
  ExpectRefused("vocab.txt: more than 1000000 lines");
}

TEST_F(TokenizerFilesTest, ATokenizerConfigThatAsksForMoreIsRefused) {
  struct Row {
    const char* config;
    const char* message;
  };
  const Row kRows[] = {
      {R"({"tokenizer_class": "T5Tokenizer"})",
       "tokenizer_config.json: tokenizer_class is \"T5Tokenizer\"; supported with vocab.txt are "
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
