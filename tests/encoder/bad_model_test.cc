// Model directories that are damaged, lie, or ask for what is not there. Each must be refused as
// INVALID_MODEL, in a sentence that names the file and the reason.

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "encoder/encoder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "tests/encoder/model_files.h"

namespace kith::encoder {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::ModelDir;
using testing::Tensors;

using Damage = std::function<void(ModelDir&)>;

Damage Edit(const char* file, json changes) {
  return [=](ModelDir& dir) { dir.Edit(file, changes); };
}
Damage Write(const char* file, std::string content) {
  return [=](ModelDir& dir) { dir.Write(file, content); };
}
Damage Remove(const char* file) {
  return [=](ModelDir& dir) { dir.Remove(file); };
}
Damage EditTensors(std::function<void(Tensors&)> edit) {
  return [=](ModelDir& dir) {
    Tensors tensors = testing::ReadTensors(dir.path() / "model.safetensors");
    edit(tensors);
    dir.Write("model.safetensors", testing::SafetensorsFile(tensors));
  };
}
Damage EditModules(std::function<void(json&)> edit) {
  return [=](ModelDir& dir) {
    json modules = json::parse(dir.Read("modules.json"));
    edit(modules);
    dir.Write("modules.json", modules.dump());
  };
}

// The sentence with which the damaged model is refused.
std::string Refusal(const Damage& damage) {
  ModelDir dir;
  dir.CopyReference("tiny-bert-mean");
  damage(dir);
  const auto encoder = Encoder::Load(dir.path());
  EXPECT_EQ(encoder.status().code(), absl::StatusCode::kFailedPrecondition) << encoder.status();
  EXPECT_EQ(DetailsOf(encoder.status()).reason, reason::kInvalidModel);
  return std::string(encoder.status().message());
}

struct Case {
  Damage damage;
  std::string file;
  std::string sentence;
};

void ExpectRefusals(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_THAT(Refusal(c.damage), AllOf(HasSubstr(c.file), HasSubstr(c.sentence)));
  }
}

TEST(BadModelTest, FilesThatAreMissingOrNoFiles) {
  ExpectRefusals({
      {Remove("config.json"), "config.json", "No such file"},
      {Remove("model.safetensors"), "model.safetensors", "No such file"},
      {Remove("1_Pooling"), "1_Pooling/config.json", "No such file"},
      {[](ModelDir& dir) {
         dir.Remove("config.json");
         std::filesystem::create_directory(dir.path() / "config.json");
       },
       "config.json", "not a regular file"},
      {Write("config.json", ""), "config.json", "not valid JSON"},
      {Write("config.json", "{\"hidden_size\": 64"), "config.json", "not valid JSON"},
      {Write("config.json", std::string(100'000, '[')), "config.json", "32 levels"},
      {Write("config.json", std::string((1 << 20) + 1, ' ')), "config.json",
       "1048577 bytes, at most 1048576"},
  });
  EXPECT_EQ(Encoder::Load("/nowhere/at/all").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(BadModelTest, ConfigurationsThatLieOrGoTooFar) {
  const auto config = [](const char* key, json value) {
    return Edit("config.json", {{key, value}});
  };
  ExpectRefusals({
      {config("model_type", "t5"), "config.json", "model_type \"t5\" is not supported"},
      {config("model_type", nullptr), "config.json", "model_type (absent)"},
      {config("hidden_size", nullptr), "config.json", "hidden_size is missing"},
      {config("hidden_size", "64"), "config.json", "hidden_size must be an integer, it is string"},
      {config("hidden_size", 64.5), "config.json", "must be an integer"},
      {config("hidden_size", 0), "config.json", "hidden_size is 0, it must be 1..4096"},
      {config("hidden_size", 1'000'000'000), "config.json", "must be 1..4096"},
      {config("hidden_size", 18446744073709551615u), "config.json", "it must be 1..4096"},
      {config("num_hidden_layers", -1), "config.json", "num_hidden_layers is -1"},
      {config("num_hidden_layers", 1'000'000), "config.json", "must be 1..128"},
      {config("num_attention_heads", 5), "config.json",
       "hidden_size 64 is not a multiple of num_attention_heads 5"},
      {config("intermediate_size", 100'000'000), "config.json", "must be 1..65536"},
      {config("vocab_size", 2'000'000'000), "config.json", "must be 1..4194304"},
      {config("max_position_embeddings", 1'000'000), "config.json", "must be 4..16384"},
      {config("type_vocab_size", 0), "config.json", "type_vocab_size is 0"},
      {config("layer_norm_eps", -1), "config.json", "layer_norm_eps is -1"},
      {config("layer_norm_eps", 0), "config.json", "must be in (0, 1]"},
      {config("hidden_act", "swish"), "config.json", "hidden_act \"swish\" is not supported"},
      {config("position_embedding_type", "relative_key"), "config.json",
       "position_embedding_type \"relative_key\" is not supported"},
      {config("is_decoder", true), "config.json", "is_decoder is true"},
      {Write("config.json", "[]"), "config.json", "model_type (absent)"},
      {Edit("sentence_bert_config.json", {{"max_seq_length", 0}}), "sentence_bert_config.json",
       "max_seq_length is 0"},
      {Edit("sentence_bert_config.json", {{"do_lower_case", "no"}}), "sentence_bert_config.json",
       "do_lower_case must be true or false"},
      {[](ModelDir& dir) {
         dir.Remove("sentence_bert_config.json");
         dir.Edit("tokenizer_config.json", {{"model_max_length", -5}});
       },
       "tokenizer_config.json", "model_max_length is -5"},
      {Write("config_sentence_transformers.json", "[]"), "config_sentence_transformers.json",
       "must be an object, it is array"},
      {Edit("config_sentence_transformers.json", {{"prompts", {1, 2}}}),
       "config_sentence_transformers.json", "prompts must be an object"},
      {Edit("config_sentence_transformers.json", {{"prompts", {{"query", 7}}}}),
       "config_sentence_transformers.json", "the prompt \"query\" must be a string"},
      {Edit("config_sentence_transformers.json",
            {{"prompts", {{"query", std::string(5000, 'x')}}}}),
       "config_sentence_transformers.json", "has 5000 bytes, at most 4096"},
      {Edit("config_sentence_transformers.json",
            {{"prompts", {{"document", std::string(1000, '!')}}}}),
       "config_sentence_transformers.json", "takes 1002 of 64 tokens"},
      {Edit("config_sentence_transformers.json", {{"default_prompt_name", "x"}}),
       "config_sentence_transformers.json", "default_prompt_name \"x\" names no prompt"},
  });
}

TEST(BadModelTest, OtherArchitecturesAreRefusedByName) {
  EXPECT_THAT(Refusal(Edit("config.json", {{"model_type", "t5"}})),
              HasSubstr("config.json: model_type \"t5\" is not supported; bert, roberta, "
                        "xlm-roberta, mpnet, distilbert are"));
  // The files of one architecture under the name of another.
  EXPECT_THAT(Refusal(Edit("config.json", {{"model_type", "distilbert"}})),
              HasSubstr("config.json: dim is missing"));
}

TEST(BadModelTest, ModulesThatThisEncoderDoesNotRun) {
  const std::string package = "sentence_transformers.models.";
  const auto pooling = [](json changes) { return Edit("1_Pooling/config.json", changes); };
  ExpectRefusals({
      {EditModules([&](json& m) {
         m.push_back({{"idx", 3}, {"name", "3"}, {"path", "3_CNN"}, {"type", package + "CNN"}});
       }),
       "modules.json", "module \"sentence_transformers.models.CNN\" is not supported"},
      {EditModules([&](json& m) {
         m.push_back({{"idx", 3}, {"name", "3"}, {"path", "3_Dense"}, {"type", package + "Dense"}});
       }),
       "modules.json", "[Transformer, Pooling, Normalize, Dense]"},
      {EditModules([](json& m) { m[1]["type"] = "my.own.Pooling"; }), "modules.json",
       "module \"my.own.Pooling\" is not supported"},
      {EditModules([](json& m) { m.erase(1); }), "modules.json", "[Transformer, Normalize]"},
      {EditModules([](json& m) { std::swap(m[1], m[2]); }), "modules.json",
       "[Transformer, Normalize, Pooling]"},
      {EditModules([](json& m) { m = json::object(); }), "modules.json", "must be a list"},
      {EditModules([](json& m) { m[1].erase("type"); }), "modules.json", "needs a type and a path"},
      {EditModules([](json& m) { m[1]["path"] = "../1_Pooling"; }), "modules.json",
       "the module path \"../1_Pooling\" must be a folder's plain name"},
      {EditModules([](json& m) { m[0]["path"] = "/etc"; }), "modules.json", "\"/etc\""},
      {EditModules([](json& m) { m[0]["path"] = ".."; }), "modules.json", "\"..\""},
      {pooling({{"pooling_mode_mean_tokens", false}}), "1_Pooling/config.json",
       "no pooling mode is set to true"},
      {pooling({{"pooling_mode_cls_token", true}}), "1_Pooling/config.json",
       "pooling_mode_cls_token and pooling_mode_mean_tokens together"},
      {pooling({{"pooling_mode_mean_tokens", false}, {"pooling_mode_weightedmean_tokens", true}}),
       "1_Pooling/config.json", "pooling_mode_weightedmean_tokens is not supported"},
      {pooling({{"pooling_mode_mean_tokens", 1}}), "1_Pooling/config.json",
       "pooling_mode_mean_tokens must be true or false, it is number"},
      {pooling({{"word_embedding_dimension", 32}}), "1_Pooling/config.json",
       "word_embedding_dimension is 32, hidden_size in config.json is 64"},
      {pooling({{"include_prompt", false}}), "1_Pooling/config.json", "include_prompt false"},
  });
}

TEST(BadModelTest, TensorsThatAreNotWhatTheConfigurationSays) {
  const std::string bias = "encoder.layer.1.output.dense.bias";
  ExpectRefusals({
      {EditTensors([=](Tensors& t) { t.erase(bias); }), "model.safetensors",
       "tensor \"encoder.layer.1.output.dense.bias\" is missing; config.json asks for it with "
       "shape [64]"},
      {EditTensors([=](Tensors& t) {
         t[bias].shape = {8, 8};
       }),
       "model.safetensors", "has shape [8, 8], config.json asks for [64]"},
      {[](ModelDir& dir) {
         dir.Edit("config.json", {{"hidden_size", 128}});
         dir.Edit("1_Pooling/config.json", {{"word_embedding_dimension", 128}});
       },
       "model.safetensors",
       "\"embeddings.word_embeddings.weight\" has shape [1600, 64], config.json asks for "
       "[1600, 128]"},
      {Edit("config.json", {{"num_hidden_layers", 3}}), "model.safetensors",
       "\"encoder.layer.2.attention.self.query.weight\" is missing"},
      {Edit("config.json", {{"intermediate_size", 65536}}), "model.safetensors",
       "has shape [128, 64], config.json asks for [65536, 64]"},
      {Edit("config.json", {{"max_position_embeddings", 16384}}), "model.safetensors",
       "has shape [128, 64], config.json asks for [16384, 64]"},
      {Edit("config.json", {{"vocab_size", 100}}), "config.json",
       "the tokenizer has 1600 tokens, vocab_size in config.json is 100"},
      {EditTensors([=](Tensors& t) { t[bias].numbers[7] = NAN; }), "model.safetensors",
       "tensor \"encoder.layer.1.output.dense.bias\": number 7 of 64 is nan"},
      {[=](ModelDir& dir) {
         std::string file = dir.Read("model.safetensors");
         const size_t at = file.find("\"F32\"");
         dir.Write("model.safetensors", file.replace(at, 5, "\"I32\""));
       },
       "model.safetensors", "is stored as \"I32\", only F32, F16 and BF16"},
      {Write("model.safetensors", ""), "model.safetensors", "too few for a header"},
      {Write("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
       "model.safetensors", "the header claims"},
  });
}

TEST(BadModelTest, AModelCutAnywhereIsRefused) {
  ModelDir dir;
  dir.CopyReference("tiny-bert-mean");
  const std::string whole = dir.Read("model.safetensors");
  constexpr uint32_t kSeed = 8;
  std::mt19937 random(kSeed);
  std::vector<size_t> lengths = {0, 1, 7, 8, 9, whole.size() / 2, whole.size() - 1};
  for (int i = 0; i < 60; ++i) lengths.push_back(random() % whole.size());
  for (const size_t length : lengths) {
    EXPECT_THAT(Refusal(Write("model.safetensors", whole.substr(0, length))),
                HasSubstr("model.safetensors"))
        << "cut to " << length << ", seed " << kSeed;
  }
  EXPECT_THAT(Refusal(Write("model.safetensors", whole + "x")), HasSubstr("the file's data has"));
}

}  // namespace
}  // namespace kith::encoder
