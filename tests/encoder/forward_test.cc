// The forward pass against the formulas of reference_bert.h, layer by layer and for every kind of
// model, without a tokenizer.

#include "encoder/forward.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "encoder/kernels/dispatch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/encoder/model_files.h"
#include "tests/encoder/reference_bert.h"

namespace kith::encoder {
namespace {

using testing::HiddenStates;
using testing::ModelDir;
using testing::ModelShape;
using testing::ReadTensors;
using testing::ReferenceForward;

std::vector<int32_t> RandomIds(int count, int vocab, std::mt19937* random) {
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (int32_t& id : ids) id = static_cast<int32_t>((*random)() % static_cast<uint32_t>(vocab));
  return ids;
}

Weights Load(const Config& config, const ModelDir& dir, const Kernels& kernels) {
  const auto file = Safetensors::Open(dir.path() / "model.safetensors");
  EXPECT_TRUE(file.ok()) << file.status();
  auto weights =
      LoadWeights(config, *file, {&kernels, Precision::kFloat32}, [](auto, auto, auto) {});
  EXPECT_TRUE(weights.ok()) << weights.status();
  return *std::move(weights);
}

double LargestDifference(const float* found, const std::vector<double>& expected) {
  double largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::fabs(found[i] - expected[i]));
  }
  return largest;
}

// Runs `num_layers` of the model over the sequences packed together; compares each with the
// formulas.
void ExpectParity(const ModelDir& dir, int num_layers,
                  const std::vector<std::vector<int32_t>>& sequences, const Kernels& kernels) {
  auto config = LoadConfig(dir.path());
  ASSERT_TRUE(config.ok()) << config.status();
  config->num_layers = num_layers;  // the layers above are left out
  const Weights weights = Load(*config, dir, kernels);
  const auto tensors = ReadTensors(dir.path() / "model.safetensors");
  RunState state(*config);
  const std::vector<std::span<const int32_t>> spans(sequences.begin(), sequences.end());
  ASSERT_TRUE(ForwardChunk(*config, weights, kernels, spans, {}, &state, Call::Background()).ok());
  const float* found = state.hidden.data();
  for (const auto& ids : sequences) {
    const HiddenStates states =
        ReferenceForward(tensors, num_layers, config->num_heads,
                         std::string(ActivationName(config->activation)), ids);
    EXPECT_LT(LargestDifference(found, states.back()), 2e-5)
        << ids.size() << " tokens, after layer " << num_layers << ", " << kernels.name;
    found += states.back().size();
  }
}

TEST(ForwardTest, EveryLayerOfTheReferenceModelMatchesTheFormulas) {
  ModelDir dir;
  dir.CopyReference("tiny-bert-cls-cased-f16");
  std::mt19937 random(1);
  const std::vector<std::vector<int32_t>> sequences = {
      RandomIds(2, 1200, &random), RandomIds(96, 1200, &random), RandomIds(1, 1200, &random),
      RandomIds(17, 1200, &random)};
  for (int layers = 0; layers <= 3; ++layers) {
    for (const Kernels* kernels : AvailableKernels()) {
      ExpectParity(dir, layers, sequences, *kernels);
    }
  }
}

TEST(ForwardTest, EveryActivationAndOddShapesMatchTheFormulas) {
  struct Case {
    const char* activation;
    int hidden, heads, inner, types;
  };
  const Case cases[] = {{"gelu", 36, 3, 50, 1},  {"gelu_new", 32, 4, 48, 2},
                        {"relu", 7, 1, 5, 3},    {"gelu_pytorch_tanh", 40, 8, 17, 2},
                        {"gelu", 64, 64, 33, 2}, {"relu", 130, 2, 257, 2}};
  uint32_t seed = 100;
  for (const Case& c : cases) {
    SCOPED_TRACE(::testing::Message()
                 << c.activation << ", hidden " << c.hidden << ", seed " << seed);
    ModelDir dir;
    WriteRandomModel({.hidden = c.hidden,
                      .heads = c.heads,
                      .inner = c.inner,
                      .types = c.types,
                      .activation = c.activation},
                     seed, &dir);
    std::mt19937 random(seed++);
    for (const Kernels* kernels : AvailableKernels()) {
      ExpectParity(dir, 2, {RandomIds(3, 120, &random), RandomIds(64, 120, &random)}, *kernels);
    }
  }
}

TEST(ForwardTest, SequencesLongerThanABlockMatchTheFormulas) {
  ModelDir dir;
  WriteRandomModel({.layers = 1, .hidden = 16, .heads = 2, .inner = 16, .positions = 700}, 5, &dir);
  std::mt19937 random(6);
  for (const int tokens : {kBlockRows - 1, kBlockRows, kBlockRows + 1, 3 * kBlockRows, 700}) {
    ExpectParity(dir, 1, {RandomIds(tokens, 120, &random)}, *AvailableKernels().back());
  }
}

TEST(ForwardTest, ScratchMemoryDependsOnTheModelAlone) {
  ModelDir dir;
  WriteRandomModel({.hidden = 16, .heads = 2, .inner = 24, .positions = 64}, 7, &dir);
  const auto config = LoadConfig(dir.path());
  ASSERT_TRUE(config.ok());
  const RunState state(*config);
  EXPECT_EQ(state.chunk_tokens, kChunkTokens);
  // Residual stream, queries with keys and values, context; a block's inner layer; one head's
  // scores and keys; a block's prepared activations with a scale and an offset each.
  EXPECT_EQ(state.memory_bytes(),
            sizeof(float) * (kChunkTokens * (16 + 3 * 16 + 16) + 32 + kBlockRows * 24 +
                             (kAttentionRows + 8) * 64 + 2 * kBlockRows) +
                2 * kBlockRows * (24 + 4));
}

TEST(ForwardTest, ACancelledCallStopsBeforeTheNextLayer) {
  ModelDir dir;
  WriteRandomModel({}, 8, &dir);
  const auto config = LoadConfig(dir.path());
  ASSERT_TRUE(config.ok());
  const Weights weights = Load(*config, dir, kScalarKernels);
  RunState state(*config);
  const std::vector<int32_t> ids = {1, 2, 3};
  const std::vector<std::span<const int32_t>> spans = {ids};
  Call call;
  call.Cancel();
  EXPECT_EQ(ForwardChunk(*config, weights, kScalarKernels, spans, {}, &state, call).code(),
            absl::StatusCode::kCancelled);
}

TEST(ForwardTest, MpnetAddsItsBiasOfDistancesAndBeginsAtPositionTwo) {
  ModelDir dir;
  WriteRandomModel({.positions = 40}, 5, &dir);
  testing::Tensors bert = ReadTensors(dir.path() / "model.safetensors");
  constexpr int kHeads = 4, kBuckets = 32;
  std::mt19937 random(6);
  testing::Tensor bias = {{kBuckets, kHeads}, {}};
  std::normal_distribution<float> normal(0, 1);
  for (int i = 0; i < kBuckets * kHeads; ++i) bias.numbers.push_back(normal(random));
  testing::Tensors mpnet = {{"encoder.relative_attention_bias.weight", bias}};
  for (const auto& [name, tensor] : bert) {
    std::string renamed = name;
    for (const auto& [from, to] : {std::pair("attention.self.query", "attention.attn.q"),
                                   {"attention.self.key", "attention.attn.k"},
                                   {"attention.self.value", "attention.attn.v"},
                                   {"attention.output.dense", "attention.attn.o"},
                                   {"attention.output.LayerNorm", "attention.LayerNorm"}}) {
      if (const size_t at = renamed.find(from); at != std::string::npos) {
        renamed.replace(at, std::string(from).size(), to);
      }
    }
    if (name != "embeddings.token_type_embeddings.weight") mpnet[renamed] = tensor;
  }
  dir.Write("model.safetensors", testing::SafetensorsFile(mpnet));
  dir.Edit("config.json", {{"model_type", "mpnet"}, {"type_vocab_size", nullptr}});
  auto& types = bert["embeddings.token_type_embeddings.weight"].numbers;
  std::fill(types.begin(), types.end(), 0.0f);

  auto config = LoadConfig(dir.path());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->max_tokens, 38);
  const Weights weights = Load(*config, dir, kScalarKernels);
  RunState state(*config);
  const std::vector<std::vector<int32_t>> sequences = {
      RandomIds(38, 120, &random), RandomIds(1, 120, &random), RandomIds(17, 120, &random)};
  const std::vector<std::span<const int32_t>> spans(sequences.begin(), sequences.end());
  ASSERT_TRUE(
      ForwardChunk(*config, weights, kScalarKernels, spans, {}, &state, Call::Background()).ok());
  const testing::ReferenceOptions options = {
      2, [&](int head, int distance) {
        return static_cast<double>(
            bias.numbers[static_cast<size_t>(RelativeBucket(distance, kBuckets) * kHeads + head)]);
      }};
  const float* found = state.hidden.data();
  for (const auto& ids : sequences) {
    const HiddenStates states =
        ReferenceForward(bert, config->num_layers, kHeads, "gelu", ids, options);
    EXPECT_LT(LargestDifference(found, states.back()), 2e-5) << ids.size() << " tokens";
    found += states.back().size();
  }
}

// What torch 1.13 gives for the formula in MPNet's own code: the first distance of each bucket.
TEST(ForwardTest, DistancesFallIntoTheBucketsOfMpnet) {
  const std::vector<std::pair<int, int>> kFirst = {
      {-600, 15}, {-90, 14}, {-63, 13}, {-45, 12}, {-31, 11}, {-22, 10}, {-15, 9}, {-11, 8},
      {-7, 7},    {-6, 6},   {-5, 5},   {-4, 4},   {-3, 3},   {-2, 2},   {-1, 1},  {0, 0},
      {1, 17},    {2, 18},   {3, 19},   {4, 20},   {5, 21},   {6, 22},   {7, 23},  {8, 24},
      {12, 25},   {16, 26},  {23, 27},  {32, 28},  {46, 29},  {64, 30},  {91, 31}};
  size_t i = 0;
  for (int distance = -600; distance <= 600; ++distance) {
    if (i + 1 < kFirst.size() && kFirst[i + 1].first == distance) ++i;
    EXPECT_EQ(RelativeBucket(distance, 32), kFirst[i].second) << distance;
  }
}

}  // namespace
}  // namespace kith::encoder
