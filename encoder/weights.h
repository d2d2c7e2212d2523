// Weights: the tensors of a BERT model, read from model.safetensors, checked against the Config and
// made ready for multiplying. Constant once loaded.

#ifndef KITH_ENCODER_WEIGHTS_H_
#define KITH_ENCODER_WEIGHTS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/config.h"
#include "encoder/gemm.h"
#include "encoder/safetensors.h"

namespace kith::encoder {

// C: hidden size; F: intermediate size; V: vocabulary; P: positions; S: segments (token types).
struct LayerNormWeights {
  std::vector<float> gamma, beta;  // [C]
};

struct LayerWeights {
  LinearWeights qkv;  // C -> 3C: queries, keys and values side by side
  std::vector<float> qkv_bias;
  LinearWeights attention_out;  // C -> C
  std::vector<float> attention_out_bias;
  LayerNormWeights attention_norm;
  LinearWeights inner;  // C -> F
  std::vector<float> inner_bias;
  LinearWeights outer;  // F -> C
  std::vector<float> outer_bias;
  LayerNormWeights outer_norm;
};

struct Weights {
  std::vector<float> words;      // [V, C]
  std::vector<float> positions;  // [P, C]
  std::vector<float> segments;   // [S, C]; a lone sequence is segment 0
  LayerNormWeights embedding_norm;
  std::vector<LayerWeights> layers;

  uint64_t parameters = 0;  // numbers in the tensors read
  uint64_t memory_bytes = 0;
};

// Is given every tensor as it is read, in a fixed order, under its name without the "bert." prefix,
// as float32 whatever it was stored as. What a fingerprint is made of.
using TensorVisitor = std::function<void(std::string_view name, std::span<const uint64_t> shape,
                                         std::span<const float> numbers)>;

// Tensors that the forward pass does not read (position_ids, the pooler) may be there. A tensor
// that is missing, has another shape than the Config says, another dtype than F32, F16 or BF16, or
// a number that is not finite, fails with FAILED_PRECONDITION / INVALID_MODEL.
absl::StatusOr<Weights> LoadWeights(const Config& config, const Safetensors& file,
                                    const TensorVisitor& visitor);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_WEIGHTS_H_
