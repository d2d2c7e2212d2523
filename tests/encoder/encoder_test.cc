// The encoder as its users see it, against the golden embeddings of the reference models.

#include "encoder/encoder.h"

#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "encoder/cross_encoder.h"
#include "encoder/kernels/dispatch.h"
#include "encoder/model_size.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "nlohmann/json.hpp"
#include "tests/encoder/golden.h"
#include "tests/encoder/model_files.h"
#include "tests/encoder/reference_bert.h"

namespace kith::encoder {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ModelDir;
using ::testing::SizeIs;

const std::string kReferences = TestData().string() + "/";
constexpr char kMeanModel[] = "tiny-bert-mean";
constexpr char kClsModel[] = "tiny-bert-cls-cased-f16";

std::unique_ptr<const Encoder> Load(
    const std::filesystem::path& dir,
    const ArithmeticOptions& options = ArithmeticOptions::FromEnvironment()) {
  auto encoder = Encoder::Load(dir, "", options);
  EXPECT_TRUE(encoder.ok()) << encoder.status();
  return *std::move(encoder);
}

using Ids = std::vector<int32_t>;
using Embedding = std::vector<float>;

std::vector<Embedding> Embed(const Encoder& encoder, const std::vector<Ids>& sequences,
                             RunState* state = nullptr) {
  const std::vector<std::span<const int32_t>> spans(sequences.begin(), sequences.end());
  const size_t dimension = static_cast<size_t>(encoder.info().dimension);
  std::vector<float> out(spans.size() * dimension, NAN);
  const auto own_state = encoder.NewRunState();
  const absl::Status status = encoder.Forward(spans, state == nullptr ? own_state.get() : state,
                                              out.data(), Call::Background());
  EXPECT_TRUE(status.ok()) << status;
  std::vector<Embedding> embeddings;
  for (size_t i = 0; i < spans.size(); ++i) {
    embeddings.emplace_back(out.begin() + static_cast<ptrdiff_t>(i * dimension),
                            out.begin() + static_cast<ptrdiff_t>((i + 1) * dimension));
  }
  return embeddings;
}

double LargestDifference(const Embedding& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::fabs(a[i] - b[i]));
  return largest;
}
double LargestDifference(const Embedding& a, const Embedding& b) {
  return LargestDifference(a, std::vector<double>(b.begin(), b.end()));
}

class GoldenTest : public ::testing::TestWithParam<std::tuple<std::string, const Kernels*>> {
 protected:
  void SetUp() override {
    ::setenv("KITH_ENCODER_KERNELS", kernels().name, 1);
    ::setenv("KITH_ENCODER_PRECISION", "float32", 1);
  }
  void TearDown() override {
    ::unsetenv("KITH_ENCODER_KERNELS");
    ::unsetenv("KITH_ENCODER_PRECISION");
  }
  const std::string& model() const { return std::get<0>(GetParam()); }
  const Kernels& kernels() const { return *std::get<1>(GetParam()); }
};

TEST_P(GoldenTest, EveryTextEmbedsAsTheReferenceSays) {
  const auto encoder = Load(kReferences + model());
  EXPECT_EQ(encoder->info().kernels, kernels().name);
  // Prompts are not part of the golden ids, so the tokenizer is asked for them directly.
  for (const GoldenLine& line : ReadGolden(TestData() / model() / "golden.jsonl")) {
    std::vector<Token> tokens;
    encoder->tokenizer().Tokenize(line.text, &tokens);
    Ids ids = {encoder->tokenizer().special().cls};
    for (const Token& token : tokens) ids.push_back(token.id);
    const size_t room = static_cast<size_t>(encoder->info().max_tokens) - 1;
    EXPECT_EQ(ids.size() > room, line.truncated);
    ids.resize(std::min(ids.size(), room));
    ids.push_back(encoder->tokenizer().special().sep);
    EXPECT_EQ(ids, line.ids) << line.text;
    EXPECT_LE(LargestDifference(Embed(*encoder, {line.ids})[0], line.embedding),
              encoder->info().normalised ? 1e-5 : 1e-4)
        << line.text;
  }
}

TEST_P(GoldenTest, ATextEmbedsTheSameAloneAndInABatch) {
  const auto encoder = Load(kReferences + model());
  std::vector<Ids> batch;
  std::vector<Embedding> expected;
  for (int round = 0; round < 3; ++round) {  // several chunks
    for (GoldenLine& line : ReadGolden(TestData() / model() / "golden.jsonl")) {
      batch.push_back(std::move(line.ids));
      expected.push_back(std::move(line.embedding));
    }
  }
  constexpr uint32_t kSeed = 99;
  SCOPED_TRACE(::testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  for (size_t i = batch.size() - 1; i > 0; --i) {
    const size_t other = random() % (i + 1);
    std::swap(batch[i], batch[other]);
    std::swap(expected[i], expected[other]);
  }
  const std::vector<Embedding> together = Embed(*encoder, batch);
  for (size_t i = 0; i < batch.size(); ++i) {
    const double scale = encoder->info().normalised ? 1 : 10;
    EXPECT_LE(LargestDifference(together[i], expected[i]), 1e-5 * scale);
    EXPECT_LE(LargestDifference(together[i], Embed(*encoder, {batch[i]})[0]), 1e-6 * scale);
  }
}

double Cosine(const Embedding& a, const Embedding& b) {
  double product = 0, squares_a = 0, squares_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    product += static_cast<double>(a[i]) * b[i];
    squares_a += static_cast<double>(a[i]) * a[i];
    squares_b += static_cast<double>(b[i]) * b[i];
  }
  return product / std::sqrt(squares_a * squares_b);
}

TEST_P(GoldenTest, ReducedPrecisionStaysWithinItsTolerance) {
  for (const auto& [precision, least] : {std::pair("bfloat16", 0.9998), {"int8", 0.998}}) {
    const auto encoder =
        Encoder::Load(kReferences + model(), "", {std::string(kernels().name), precision});
    ASSERT_TRUE(encoder.ok()) << encoder.status();
    EXPECT_EQ((*encoder)->info().precision, precision);
    for (const GoldenLine& line : ReadGolden(TestData() / model() / "golden.jsonl")) {
      EXPECT_GE(Cosine(Embed(**encoder, {line.ids})[0], line.embedding), least)
          << precision << ": " << line.text;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, GoldenTest,
    ::testing::Combine(::testing::Values(kMeanModel, kClsModel, "tiny-distilbert-mean",
                                         "tiny-roberta-mean", "tiny-xlmr-mean"),
                       ::testing::ValuesIn(AvailableKernels().begin(), AvailableKernels().end())),
    [](const auto& info) {
      std::string name = std::get<0>(info.param) + "_" + std::get<1>(info.param)->name;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST(EncoderTest, RefusesArithmeticThatItDoesNotKnow) {
  for (const ArithmeticOptions& options :
       {ArithmeticOptions{"", "float8"}, ArithmeticOptions{"sse9", ""}}) {
    const auto encoder = Encoder::Load(kReferences + kMeanModel, "", options);
    EXPECT_EQ(encoder.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(EncoderTest, SaysWhatItIs) {
  const auto encoder = Load(kReferences + kClsModel);
  const EncoderInfo& info = encoder->info();
  EXPECT_EQ(info.name, kClsModel);
  EXPECT_EQ(info.architecture, "bert");
  EXPECT_EQ(info.kernels, AvailableKernels().back()->name);
  EXPECT_EQ(info.precision, AvailableKernels().back()->native_bf16 ? "bfloat16" : "float32");
  EXPECT_EQ(info.dimension, 48);
  EXPECT_EQ(info.max_tokens, 96);
  EXPECT_EQ(info.num_layers, 3);
  EXPECT_EQ(info.num_heads, 3);
  EXPECT_EQ(info.intermediate_size, 96);
  EXPECT_EQ(info.vocab_size, 1200);
  EXPECT_EQ(info.pooling, Pooling::kCls);
  EXPECT_TRUE(info.normalised);
  EXPECT_TRUE(info.has_modules);
  EXPECT_EQ(info.query_prompt, "query: ");
  EXPECT_EQ(info.passage_prompt, "passage: ");
  // All of the file's 2-byte numbers but the pooler's.
  EXPECT_EQ(info.parameters, 243264u / 2 - 48 * 48 - 48);
  // The word table stays in its 2 bytes a number.
  const uint64_t words = 1200 * 48;
  EXPECT_GE(Load(kReferences + kClsModel, {"", "float32"})->info().memory_bytes,
            (info.parameters - words) * 4 + words * 2);
  EXPECT_LT(info.memory_bytes, info.parameters * 4);
  EXPECT_THAT(info.artifact_hash, SizeIs(32));
  EXPECT_THAT(info.space_hash, SizeIs(32));
  EXPECT_THAT(info.files,
              ElementsAre("1_Pooling/config.json", "config.json",
                          "config_sentence_transformers.json", "model.safetensors", "modules.json",
                          "sentence_bert_config.json", "tokenizer.json", "tokenizer_config.json"));
  // Also under a path that ends in a slash.
  EXPECT_EQ(Load(kReferences + kClsModel + "/")->info().name, kClsModel);
}

TEST(EncoderTest, DenseModulesAreAppliedToWhatWasPooled) {
  ModelDir dir;
  WriteRandomModel({.normalise = false}, 8, &dir);
  const std::vector<Ids> texts = {{2, 7, 8, 3}, {2, 9, 3}};
  const std::vector<Embedding> pooled = Embed(*Load(dir.path()), texts);
  json modules = json::parse(dir.Read("modules.json"));
  const std::string package = "sentence_transformers.models.";
  for (const char* path : {"2_Dense", "3_Dense"}) {
    modules.push_back({{"idx", 2}, {"name", "2"}, {"path", path}, {"type", package + "Dense"}});
  }
  modules.push_back(
      {{"idx", 4}, {"name", "4"}, {"path", "4_Normalize"}, {"type", package + "Normalize"}});
  dir.Write("modules.json", modules.dump());
  testing::Tensor first = {{3, 32}, {}}, first_bias = {{3}, {0.5f, -1, 2}}, second = {{2, 3}, {}};
  for (int i = 0; i < 96; ++i) first.numbers.push_back(static_cast<float>((i * 37 % 19) - 9) / 20);
  for (int i = 0; i < 6; ++i) second.numbers.push_back(static_cast<float>(i - 2));
  dir.Write("2_Dense/model.safetensors",
            testing::SafetensorsFile({{"linear.weight", first}, {"linear.bias", first_bias}}));
  dir.Write("2_Dense/config.json", json{{"in_features", 32},
                                        {"out_features", 3},
                                        {"bias", true},
                                        {"activation_function", "torch.nn.modules.activation.Tanh"}}
                                       .dump());
  dir.Write("3_Dense/model.safetensors", testing::SafetensorsFile({{"linear.weight", second}}));
  dir.Write("3_Dense/config.json", json{{"in_features", 3},
                                        {"out_features", 2},
                                        {"bias", false},
                                        {"activation_function", "torch.nn.modules.linear.Identity"}}
                                       .dump());
  const auto encoder = Load(dir.path());
  EXPECT_EQ(encoder->info().dimension, 2);
  EXPECT_THAT(encoder->info().files, ::testing::Contains("3_Dense/model.safetensors"));
  const std::vector<Embedding> found = Embed(*encoder, texts);
  for (size_t t = 0; t < texts.size(); ++t) {
    std::vector<double> middle(3), expected(2);
    for (size_t o = 0; o < 3; ++o) {
      middle[o] = first_bias.numbers[o];
      for (size_t i = 0; i < 32; ++i) middle[o] += first.numbers[o * 32 + i] * pooled[t][i];
      middle[o] = std::tanh(middle[o]);
    }
    for (size_t o = 0; o < 2; ++o) {
      for (size_t i = 0; i < 3; ++i) expected[o] += second.numbers[o * 3 + i] * middle[i];
    }
    const double length = std::hypot(expected[0], expected[1]);
    for (double& x : expected) x /= length;
    EXPECT_LE(LargestDifference(found[t], expected), 1e-5);
  }
  dir.Edit("3_Dense/config.json", {{"in_features", 4}});
  EXPECT_THAT(std::string(Encoder::Load(dir.path()).status().message()),
              HasSubstr("3_Dense/config.json: in_features is 4, what comes before gives 3"));
}

TEST(EncoderTest, ACopyOfItsFilesIsTheSameModel) {
  const auto original = Load(kReferences + kClsModel);
  ModelDir copy;
  for (const std::string& file : original->info().files) {
    std::filesystem::create_directories((copy.path() / file).parent_path());
    std::filesystem::copy_file(kReferences + kClsModel + "/" + file, copy.path() / file);
  }
  const auto copied = Load(copy.path());
  EXPECT_EQ(copied->info().artifact_hash, original->info().artifact_hash);
  EXPECT_EQ(copied->info().space_hash, original->info().space_hash);
  EXPECT_EQ(copied->info().files, original->info().files);
}

TEST(EncoderTest, PrepareAddsPromptAndSpecialTokensAndCutsAtTheMaximum) {
  const auto encoder = Load(kReferences + kClsModel);
  const SpecialTokens& special = encoder->tokenizer().special();
  for (const Role role : {Role::kQuery, Role::kPassage}) {
    const std::string prompt = role == Role::kQuery ? "query: " : "passage: ";
    for (const std::string text : {"", "the", "attention is all you need"}) {
      std::vector<Token> tokens;
      encoder->tokenizer().Tokenize(prompt + text, &tokens);
      const EncodedInput input = encoder->Prepare(text, role);
      EXPECT_EQ(input.token_ids.size(), tokens.size() + 2);
      EXPECT_EQ(input.token_ids.front(), special.cls);
      EXPECT_EQ(input.token_ids.back(), special.sep);
      EXPECT_EQ(input.tokens_before_truncation, static_cast<int>(tokens.size()) + 2);
      EXPECT_FALSE(input.truncated());
      if (text.empty()) {
        EXPECT_EQ(encoder->OverheadTokens(role), input.tokens_before_truncation);
      }
    }
  }
  std::string words;
  const int fit = 96 - encoder->OverheadTokens(Role::kPassage);
  for (int i = 0; i < fit; ++i) words += "a ";
  const EncodedInput whole = encoder->Prepare(words, Role::kPassage);
  EXPECT_EQ(whole.tokens_before_truncation, 96);
  EXPECT_FALSE(whole.truncated());
  const EncodedInput cut = encoder->Prepare(words + "a", Role::kPassage);
  EXPECT_EQ(cut.tokens_before_truncation, 97);
  EXPECT_TRUE(cut.truncated());
  EXPECT_EQ(cut.token_ids, whole.token_ids);
}

TEST(EncoderTest, DoLowerCaseReachesTheTokenizer) {
  ModelDir dir;
  dir.CopyReference(kClsModel);
  EXPECT_NE(Load(dir.path())->Prepare("THE", Role::kQuery).token_ids,
            Load(dir.path())->Prepare("the", Role::kQuery).token_ids);
  dir.Edit("sentence_bert_config.json", {{"do_lower_case", true}});
  EXPECT_EQ(Load(dir.path())->Prepare("THE", Role::kQuery).token_ids,
            Load(dir.path())->Prepare("the", Role::kQuery).token_ids);
}

TEST(EncoderTest, TheMaximumOfTokensComesFromTheFirstFileThatSaysOne) {
  ModelDir dir;
  dir.CopyReference(kMeanModel);  // 64 by sentence_bert_config.json, 128 by the others
  EXPECT_EQ(Load(dir.path())->info().max_tokens, 64);
  dir.Edit("sentence_bert_config.json", {{"max_seq_length", 1000}});
  EXPECT_EQ(Load(dir.path())->info().max_tokens, 128);  // the table of positions
  dir.Edit("sentence_bert_config.json", {{"max_seq_length", nullptr}});
  dir.Edit("tokenizer_config.json", {{"model_max_length", 50}});
  EXPECT_EQ(Load(dir.path())->info().max_tokens, 50);
  dir.Edit("tokenizer_config.json", {{"model_max_length", 1e30}});
  EXPECT_EQ(Load(dir.path())->info().max_tokens, 128);
  dir.Remove("sentence_bert_config.json");
  dir.Edit("tokenizer_config.json", {{"model_max_length", nullptr}});
  EXPECT_EQ(Load(dir.path())->info().max_tokens, 128);
}

TEST(EncoderTest, PromptsAreFoundUnderTheirNames) {
  ModelDir dir;
  dir.CopyReference(kMeanModel);
  const auto prompts = [&](const json& prompts, const json& fallback) {
    dir.Edit("config_sentence_transformers.json", {{"prompts", nullptr}});
    dir.Edit("config_sentence_transformers.json",
             {{"prompts", prompts}, {"default_prompt_name", fallback}});
    const EncoderInfo info = Load(dir.path())->info();
    return info.query_prompt + "|" + info.passage_prompt;
  };
  EXPECT_EQ(prompts(nullptr, nullptr), "|");
  EXPECT_EQ(prompts({{"query", "q "}}, nullptr), "q |");
  EXPECT_EQ(prompts({{"passage", "p "}}, nullptr), "|p ");
  EXPECT_EQ(prompts({{"passage", "p "}, {"document", "d "}}, nullptr), "|d ");
  EXPECT_EQ(prompts({{"task", "t "}, {"query", "q "}}, "task"), "q |t ");
}

TEST(EncoderTest, APlainDirectoryGetsMeanPoolingAndNormalisation) {
  ModelDir dir;
  dir.CopyReference(kMeanModel);
  const auto with_modules = Load(dir.path());
  for (const char* file : {"modules.json", "1_Pooling", "config_sentence_transformers.json"}) {
    dir.Remove(file);
  }
  const auto plain = Load(dir.path());
  EXPECT_FALSE(plain->info().has_modules);
  EXPECT_EQ(plain->info().pooling, Pooling::kMean);
  EXPECT_TRUE(plain->info().normalised);
  EXPECT_EQ(Embed(*plain, {{2, 30, 40, 3}}), Embed(*with_modules, {{2, 30, 40, 3}}));
  EXPECT_EQ(plain->info().space_hash, with_modules->info().space_hash);
}

TEST(EncoderTest, TheTransformerMayLieInAFolderAndItsTensorsUnderAPrefix) {
  ModelDir dir;
  dir.CopyReference(kMeanModel);
  const auto original = Load(dir.path());
  testing::Tensors tensors;
  for (auto& [name, tensor] : testing::ReadTensors(dir.path() / "model.safetensors")) {
    tensors["bert." + name] = tensor;
  }
  tensors["classifier.weight"] = {{1}, {0.5f}};
  dir.Write("model.safetensors", testing::SafetensorsFile(tensors));
  json modules = json::parse(dir.Read("modules.json"));
  modules[0]["path"] = "0_Transformer";
  dir.Write("modules.json", modules.dump());
  std::filesystem::create_directory(dir.path() / "0_Transformer");
  for (const char* file : {"config.json", "model.safetensors", "sentence_bert_config.json",
                           "tokenizer.json", "tokenizer_config.json"}) {
    std::filesystem::rename(dir.path() / file, dir.path() / "0_Transformer" / file);
  }
  const auto moved = Load(dir.path());
  EXPECT_EQ(Embed(*moved, {{2, 30, 40, 3}}), Embed(*original, {{2, 30, 40, 3}}));
  EXPECT_EQ(moved->info().space_hash, original->info().space_hash);
  EXPECT_NE(moved->info().artifact_hash, original->info().artifact_hash);
}

TEST(EncoderTest, EveryPoolingMatchesTheFormulas) {
  for (const std::string pooling : {"mean_tokens", "cls_token", "max_tokens", "lasttoken"}) {
    for (const bool normalise : {true, false}) {
      SCOPED_TRACE(pooling);
      ModelDir dir;
      WriteRandomModel({.pooling = pooling, .normalise = normalise}, 77, &dir);
      const auto encoder = Load(dir.path(), {"", "float32"});
      const Ids ids = {2, 7, 50, 99, 8, 3};
      const auto states = testing::ReferenceForward(
          testing::ReadTensors(dir.path() / "model.safetensors"), 2, 4, "gelu", ids);
      EXPECT_LE(
          LargestDifference(Embed(*encoder, {ids})[0],
                            testing::ReferencePool(states.back(), static_cast<int>(ids.size()),
                                                   pooling, normalise)),
          1e-5);
    }
  }
}

// What a stored vector depends on changes the space hash; what it does not depend on does not.
TEST(EncoderTest, TheSpaceHashFollowsTheVectorsAndTheArtifactHashTheFiles) {
  struct Change {
    const char* what;
    std::function<void(ModelDir&)> make;
    bool changes_space;
  };
  const auto edit = [](const char* file, json changes) {
    return [=](ModelDir& dir) { dir.Edit(file, changes); };
  };
  const auto rewrite = [](const char* dtype, float nudge) {
    return [=](ModelDir& dir) {
      auto tensors = testing::ReadTensors(dir.path() / "model.safetensors");
      tensors["encoder.layer.1.output.dense.bias"].numbers[5] += nudge;
      dir.Write("model.safetensors", testing::SafetensorsFile(tensors, dtype));
    };
  };
  const std::vector<Change> changes = {
      {"query prompt", edit("config_sentence_transformers.json", {{"prompts", {{"query", "Q "}}}}),
       false},
      {"stored as F32", rewrite("F32", 0), false},
      {"stored as F16 again, by other hands", rewrite("F16", 0), false},
      {"padding settings", edit("tokenizer.json", {{"padding", {{"pad_id", 0}}}}), false},
      {"vocab.txt in the place of tokenizer.json",
       [](ModelDir& dir) { dir.Remove("tokenizer.json"); }, false},
      {"unread key", edit("config.json", {{"transformers_version", "9"}}), false},
      {"a weight", rewrite("F32", 0.25f), true},
      {"passage prompt",
       edit("config_sentence_transformers.json", {{"prompts", {{"document", "P "}}}}), true},
      {"pooling",
       edit("1_Pooling/config.json",
            {{"pooling_mode_cls_token", false}, {"pooling_mode_mean_tokens", true}}),
       true},
      {"maximum", edit("sentence_bert_config.json", {{"max_seq_length", 90}}), true},
      {"lower case", edit("sentence_bert_config.json", {{"do_lower_case", true}}), true},
      {"activation", edit("config.json", {{"hidden_act", "relu"}}), true},
      {"epsilon", edit("config.json", {{"layer_norm_eps", 1e-5}}), true},
      {"heads", edit("config.json", {{"num_attention_heads", 6}}), true},
      {"tokenizer", edit("tokenizer.json", {{"normalizer", {{"lowercase", true}}}}), true},
      {"normalisation",
       [](ModelDir& dir) {
         json modules = json::parse(dir.Read("modules.json"));
         modules.erase(2);
         dir.Write("modules.json", modules.dump());
       },
       true},
  };
  ModelDir original_dir;
  original_dir.CopyReference(kClsModel);
  const EncoderInfo original = Load(original_dir.path())->info();
  for (const Change& change : changes) {
    ModelDir dir;
    dir.CopyReference(kClsModel);
    change.make(dir);
    const EncoderInfo changed = Load(dir.path())->info();
    EXPECT_EQ(changed.space_hash != original.space_hash, change.changes_space) << change.what;
    EXPECT_NE(changed.artifact_hash, original.artifact_hash) << change.what;
  }
}

// The space hash is kept beside collections: a new release must compute the same one.
TEST(EncoderTest, TheSpaceHashOfAReferenceModelNeverChanges) {
  EXPECT_EQ(Load(kReferences + kMeanModel)->info().space_hash, "7e1633dbce7e8214214050b6e5374e14");
}

TEST(EncoderTest, TruncatedKeepsTheFirstValuesAndGivesThemLengthOneAgain) {
  for (const char* name : {kMeanModel, "tiny-distilbert-mean", "tiny-roberta-mean"}) {
    const auto whole = Load(kReferences + name);
    const std::vector<Ids> sequences = {{2, 7, 9, 3}, {2, 3}, Ids(40, 11)};
    const std::vector<Embedding> full = Embed(*whole, sequences);
    for (const int dimensions : {1, 7, 16, whole->info().dimension}) {
      const auto truncated = whole->Truncated(dimensions);
      ASSERT_TRUE(truncated.ok()) << truncated.status();
      EXPECT_EQ((*truncated)->info().dimension, dimensions);
      EXPECT_EQ((*truncated)->info().full_dimension, whole->info().dimension);
      EXPECT_EQ((*truncated)->weights(), whole->weights());
      EXPECT_EQ((*truncated)->info().space_hash == whole->info().space_hash,
                dimensions == whole->info().dimension);
      const std::vector<Embedding> cut = Embed(**truncated, sequences);
      for (size_t i = 0; i < sequences.size(); ++i) {
        ASSERT_EQ(cut[i].size(), static_cast<size_t>(dimensions));
        double squares = 0;
        for (size_t d = 0; d < cut[i].size(); ++d) squares += double{full[i][d]} * full[i][d];
        const double length = whole->info().normalised ? std::sqrt(squares) : 1;
        for (size_t d = 0; d < cut[i].size(); ++d) {
          EXPECT_NEAR(cut[i][d], full[i][d] / length, 1e-6) << name << " " << dimensions;
        }
      }
    }
    // Of a truncated one again: what counts is the model.
    EXPECT_EQ((*(*whole->Truncated(8))->Truncated(16))->info().space_hash,
              (*whole->Truncated(16))->info().space_hash);
    for (const int wrong : {-1, 0, whole->info().dimension + 1}) {
      EXPECT_EQ(DetailsOf(whole->Truncated(wrong).status()).reason, reason::kDimensionMismatch);
    }
  }
}

TEST(EncoderTest, TheSpaceHashOfATruncatedModelNeverChanges) {
  EXPECT_EQ((*Load(kReferences + kMeanModel)->Truncated(16))->info().space_hash,
            "5cee13f1a4819b377d2ce903be558810");
}

TEST(EncoderTest, MemoryIsEstimatedFromHeadersAlone) {
  for (const char* name : {kMeanModel, kClsModel, "tiny-xlmr-mean", "tiny-cross-encoder"}) {
    const auto estimate = EstimateModelBytes(kReferences + name);
    ASSERT_TRUE(estimate.ok()) << estimate.status();
    uint64_t parameters = 0;
    if (CrossEncoder::IsOne(kReferences + name)) {
      const auto model = CrossEncoder::Load(kReferences + name);
      ASSERT_TRUE(model.ok()) << model.status();
      parameters = (*model)->info().parameters;
    } else {
      parameters = Load(kReferences + name)->info().parameters;
    }
    // There may be tensors that nobody reads.
    EXPECT_GE(*estimate, parameters * sizeof(float)) << name;
    EXPECT_LE(*estimate, parameters * sizeof(float) * 5 / 4) << name;
  }
  EXPECT_FALSE(EstimateModelBytes(kReferences + "absent").ok());
}

class ForwardErrorsTest : public ::testing::Test {
 protected:
  absl::Status Forward(const std::vector<Ids>& sequences, const Call& call = Call::Background()) {
    const std::vector<std::span<const int32_t>> spans(sequences.begin(), sequences.end());
    std::vector<float> out(spans.size() * 64);
    return encoder_->Forward(spans, state_.get(), out.data(), call);
  }

  const std::unique_ptr<const Encoder> encoder_ = Load(kReferences + kMeanModel);
  const std::unique_ptr<RunState> state_ = encoder_->NewRunState();
};

TEST_F(ForwardErrorsTest, SequencesThatNoModelCanTakeAreRefused) {
  EXPECT_TRUE(Forward({}).ok());
  EXPECT_TRUE(Forward({Ids(64, 5), {0}, {1599}}).ok());
  const struct {
    std::vector<Ids> sequences;
    const char* sentence;
  } cases[] = {
      {{{5}, {}}, "sequence 1 has 0 tokens"},
      {{Ids(65, 5)}, "sequence 0 has 65 tokens, the encoder tiny-bert-mean takes 1..64"},
      {{{5}, {5, 1600}}, "sequence 1: token id 1600 is not in 0..1599"},
      {{{-1}}, "token id -1"},
  };
  for (const auto& [sequences, sentence] : cases) {
    const absl::Status status = Forward(sequences);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(sentence));
  }
}

TEST_F(ForwardErrorsTest, CancelledAndExpiredCallsStop) {
  Call cancelled;
  cancelled.Cancel();
  EXPECT_EQ(Forward({{5}}, cancelled).code(), absl::StatusCode::kCancelled);
  const Call expired(Call::Clock::time_point::min());
  EXPECT_EQ(Forward({{5}}, expired).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(EncoderTest, WeightsThatOverflowAreAnErrorAndNoEmbedding) {
  ModelDir dir;
  dir.CopyReference(kMeanModel);
  auto tensors = testing::ReadTensors(dir.path() / "model.safetensors");
  for (float& x : tensors["encoder.layer.1.output.LayerNorm.weight"].numbers) x = 3e38f;
  dir.Write("model.safetensors", testing::SafetensorsFile(tensors));
  const auto encoder = Load(dir.path());
  const Ids ids = {2, 30, 3};
  const std::span<const int32_t> span = ids;
  std::vector<float> out(64);
  const absl::Status status =
      encoder->Forward({&span, 1}, encoder->NewRunState().get(), out.data(), Call::Background());
  EXPECT_EQ(DetailsOf(status).reason, reason::kInvalidModel);
  EXPECT_THAT(std::string(status.message()), HasSubstr("not finite"));
}

TEST(EncoderTest, ThreadsShareAnEncoder) {
  const auto encoder = Load(kReferences + kMeanModel);
  std::vector<Ids> sequences;
  for (const GoldenLine& line : ReadGolden(TestData() / kMeanModel / "golden.jsonl"))
    sequences.push_back(line.ids);
  const std::vector<Embedding> expected = Embed(*encoder, sequences);
  std::vector<std::vector<Embedding>> found(4);
  std::vector<std::thread> threads;
  for (auto& mine : found) {
    threads.emplace_back([&] { mine = Embed(*encoder, sequences); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& mine : found) EXPECT_EQ(mine, expected);
}

}  // namespace
}  // namespace kith::encoder
