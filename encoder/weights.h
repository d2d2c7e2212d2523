// Weights: the tensors of a transformer, read from model.safetensors, checked against the Config
// and made ready for multiplying. Constant once loaded.

#ifndef KITH_ENCODER_WEIGHTS_H_
#define KITH_ENCODER_WEIGHTS_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "encoder/arithmetic.h"
#include "encoder/config.h"
#include "encoder/gemm.h"
#include "encoder/safetensors.h"
#include "encoder/word_table.h"

namespace kith::encoder {

// C: hidden size; F: intermediate size; V: vocabulary; P: positions; S: segments (token types).
struct LayerNormWeights {
  std::vector<float> gamma, beta;  // [C]
};

struct LayerWeights {
  LinearWeights qkv;            // C -> 3C: queries, keys and values side by side
  LinearWeights attention_out;  // C -> C
  LayerNormWeights attention_norm;
  LinearWeights inner;  // C -> F
  LinearWeights outer;  // F -> C
  LayerNormWeights outer_norm;
};

// A layer on top of what was pooled: Dense of sentence-transformers, or the head of a
// cross-encoder. Small, and applied to one row at a time.
struct DenseWeights {
  int inputs = 0, outputs = 0;
  std::vector<float> weight;  // [outputs, inputs]
  std::vector<float> bias;    // [outputs]

  // y [outputs] = weight x + bias.
  void Apply(const float* x, float* y) const;
};

struct Weights {
  WordTable words;               // [V, C]
  std::vector<float> positions;  // [P, C]
  std::vector<float> segments;   // [S, C], S >= 1; a lone sequence is segment 0
  LayerNormWeights embedding_norm;
  // MPNet: what is added to the attention score of head h for a key d tokens after the query, d
  // from 1 - max_tokens to max_tokens - 1: [H, 2 max_tokens - 1]. Else empty.
  std::vector<float> relative_bias;
  std::vector<LayerWeights> layers;

  uint64_t parameters = 0;  // numbers in the tensors read
  uint64_t memory_bytes = 0;
};

// Is given every tensor as it is read, in a fixed order, under its name without the architecture's
// prefix ("bert."), as float32 whatever it was stored as. What a fingerprint is made of.
using TensorVisitor = std::function<void(std::string_view name, std::span<const uint64_t> shape,
                                         std::span<const float> numbers)>;

// Reads the tensors of one file by name and shape. A tensor that is missing, has another shape than
// was asked for, another dtype than F32, F16 or BF16, or a number that is not finite, fails with
// FAILED_PRECONDITION / INVALID_MODEL.
class TensorReader {
 public:
  // Names may stand in the file behind any of `prefixes`: the first that has `probe`, else none.
  // Both arguments must outlive the reader.
  TensorReader(const Safetensors& file, const TensorVisitor& visitor,
               std::span<const std::string_view> prefixes = {}, std::string_view probe = {});

  absl::StatusOr<std::vector<float>> Read(const std::string& name,
                                          std::initializer_list<int> shape);
  // Puts the tensor's numbers behind those in `numbers`.
  absl::Status Append(const std::string& name, std::initializer_list<int> shape,
                      std::vector<float>* numbers);
  // A table of `rows` rows, kept as it is stored.
  absl::StatusOr<WordTable> ReadTable(const std::string& name, int rows, int columns);
  absl::StatusOr<LayerNormWeights> ReadNorm(const std::string& name, int size);
  // `name`.weight and, if it has one, `name`.bias; else zeros.
  absl::StatusOr<DenseWeights> ReadDense(const std::string& name, int outputs, int inputs,
                                         bool has_bias);

  uint64_t parameters() const { return parameters_; }  // numbers read so far

 private:
  const Safetensors& file_;
  const TensorVisitor& visitor_;
  std::string_view prefix_;
  uint64_t parameters_ = 0;
};

// The bucket of MPNet's bias for a key `distance` tokens after its query (Raffel et al., 2020,
// section 2.1): one for each near distance, then ranges that grow by a factor, up to 128 tokens
// away; the first half of the buckets for keys before the query, the second for those after it.
int RelativeBucket(int distance, int buckets);

// Tensors that the forward pass does not read (position_ids, the pooler) may be there.
absl::StatusOr<Weights> LoadWeights(const Config& config, const Safetensors& file,
                                    const Arithmetic& arithmetic, const TensorVisitor& visitor);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_WEIGHTS_H_
