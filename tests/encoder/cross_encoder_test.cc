#include "encoder/cross_encoder.h"

#include <cmath>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "nlohmann/json.hpp"
#include "tests/encoder/golden.h"
#include "tests/encoder/model_files.h"

namespace kith::encoder {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::ModelDir;

constexpr char kReference[] = "tiny-cross-encoder";

std::vector<json> GoldenPairs() {
  std::ifstream file(TestData() / kReference / "golden.jsonl");
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  EXPECT_FALSE(lines.empty());
  return lines;
}

std::vector<float> Logits(const CrossEncoder& model, const std::vector<EncodedPair>& pairs) {
  std::vector<float> logits(pairs.size(), NAN);
  const auto state = model.NewRunState();
  const absl::Status status = model.Forward(pairs, state.get(), logits.data(), Call::Background());
  EXPECT_TRUE(status.ok()) << status;
  return logits;
}

TEST(CrossEncoderTest, ReducedPrecisionStaysWithinItsTolerance) {
  for (const auto& [precision, tolerance] : {std::pair("bfloat16", 0.06), {"int8", 0.2}}) {
    const auto model = CrossEncoder::Load(TestData() / kReference, "", {"", precision});
    ASSERT_TRUE(model.ok()) << model.status();
    for (const json& line : GoldenPairs()) {
      const EncodedPair pair = (*model)->Prepare(line.at("query").get<std::string>(),
                                                 line.at("text").get<std::string>());
      EXPECT_NEAR(Logits(**model, {pair})[0], line.at("logit").get<double>(), tolerance)
          << precision << ": " << line;
    }
  }
}

TEST(CrossEncoderTest, EveryPairScoresAsTheReferenceSays) {
  const auto model = CrossEncoder::Load(TestData() / kReference, "", {"", "float32"});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->info().max_tokens, 64);
  std::vector<EncodedPair> pairs;
  std::vector<float> alone;
  const std::vector<json> golden = GoldenPairs();
  for (const json& line : golden) {
    EncodedPair pair =
        (*model)->Prepare(line.at("query").get<std::string>(), line.at("text").get<std::string>());
    EXPECT_EQ(pair.token_ids, line.at("ids").get<std::vector<int32_t>>()) << line;
    std::vector<int> types(pair.token_ids.size(), 1);
    std::fill(types.begin(), types.begin() + pair.second_begin, 0);
    EXPECT_EQ(types, line.at("token_type_ids").get<std::vector<int>>()) << line;
    EXPECT_EQ(pair.truncated(), line.at("truncated").get<bool>()) << line;
    const float logit = Logits(**model, {pair})[0];
    EXPECT_NEAR(logit, line.at("logit").get<double>(), 1e-4) << line;
    EXPECT_NEAR(RelevanceOf(logit), line.at("score").get<double>(), 1e-4) << line;
    alone.push_back(logit);
    pairs.push_back(std::move(pair));
  }
  const std::vector<float> together = Logits(**model, pairs);
  for (size_t i = 0; i < pairs.size(); ++i) EXPECT_NEAR(together[i], alone[i], 1e-5);
}

TEST(CrossEncoderTest, WhatIsNoCrossEncoderIsRefusedByName) {
  const auto refusal = [](const ModelDir& dir) {
    const auto model = CrossEncoder::Load(dir.path());
    EXPECT_EQ(DetailsOf(model.status()).reason, reason::kInvalidModel);
    return std::string(model.status().message());
  };
  ModelDir dir;
  dir.CopyReference("tiny-bert-mean");
  EXPECT_THAT(refusal(dir), HasSubstr("the architecture BertModel is no cross-encoder"));
  dir.CopyReference(kReference);
  dir.Edit("config.json", {{"id2label", {{"0", "no"}, {"1", "yes"}}}});
  EXPECT_THAT(refusal(dir), HasSubstr("the model has 2 labels"));
  dir.CopyReference(kReference);
  dir.Edit("tokenizer.json", {{"post_processor", {{"pair", nullptr}}}});
  EXPECT_THAT(refusal(dir), HasSubstr("how its tokenizer puts two texts together"));
}

TEST(CrossEncoderTest, PairsThatPrepareWouldNotMakeAreRefused) {
  const auto model = CrossEncoder::Load(TestData() / kReference);
  ASSERT_TRUE(model.ok()) << model.status();
  const auto state = (*model)->NewRunState();
  float logit;
  const auto code = [&](EncodedPair pair) {
    return (*model)->Forward({&pair, 1}, state.get(), &logit, Call::Background()).code();
  };
  EXPECT_EQ(code({{}, 0, 0}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({{2, 1000, 3}, 1, 3}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({{2, 5, 3}, 4, 3}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({std::vector<int32_t>(65, 5), 1, 65}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({{2, 5, 3}, 3, 3}), absl::StatusCode::kOk);
}

}  // namespace
}  // namespace kith::encoder
