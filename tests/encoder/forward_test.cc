// The forward pass against the formulas of reference_bert.h, layer by layer and for every kind of
// model, without a tokenizer.

#include "encoder/forward.h"

#include <cmath>
#include <random>
#include <string>
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

Weights Load(const Config& config, const ModelDir& dir) {
  const auto file = Safetensors::Open(dir.path() / "model.safetensors");
  EXPECT_TRUE(file.ok()) << file.status();
  auto weights = LoadWeights(config, *file, [](auto, auto, auto) {});
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
  const Weights weights = Load(*config, dir);
  const auto tensors = ReadTensors(dir.path() / "model.safetensors");
  RunState state(*config);
  const std::vector<std::span<const int32_t>> spans(sequences.begin(), sequences.end());
  ASSERT_TRUE(ForwardChunk(*config, weights, kernels, spans, &state, Call::Background()).ok());
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

TEST(ForwardTest, SequencesLongerThanTheRowsOfScoresMatchTheFormulas) {
  ModelDir dir;
  WriteRandomModel({.layers = 1, .hidden = 16, .heads = 2, .inner = 16, .positions = 700}, 5, &dir);
  std::mt19937 random(6);
  for (const int tokens : {kScoreRows - 1, kScoreRows, kScoreRows + 1, 3 * kScoreRows, 700}) {
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
  EXPECT_EQ(state.memory_bytes(),
            sizeof(float) * (kChunkTokens * (16 + 3 * 16 + 16 + 24) + kScoreRows * 64));
}

TEST(ForwardTest, ACancelledCallStopsBeforeTheNextLayer) {
  ModelDir dir;
  WriteRandomModel({}, 8, &dir);
  const auto config = LoadConfig(dir.path());
  ASSERT_TRUE(config.ok());
  const Weights weights = Load(*config, dir);
  RunState state(*config);
  const std::vector<int32_t> ids = {1, 2, 3};
  const std::vector<std::span<const int32_t>> spans = {ids};
  Call call;
  call.Cancel();
  EXPECT_EQ(ForwardChunk(*config, weights, kScalarKernels, spans, &state, call).code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace kith::encoder
