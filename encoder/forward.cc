// Shapes: T tokens of the chunk, t tokens of one sequence, C hidden size, H heads, D = C / H head
// size, F intermediate size.

#include "encoder/forward.h"

#include <algorithm>
#include <cmath>

#include "encoder/gemm.h"
#include "kith/base/check.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

class Pass {
 public:
  Pass(const Config& config, const Weights& weights, const Kernels& kernels, Sequences sequences,
       SegmentStarts second, RunState* state)
      : config_(config),
        weights_(weights),
        kernels_(kernels),
        sequences_(sequences),
        second_(second),
        state_(*state),
        size_(config.hidden_size) {
    for (const auto& sequence : sequences) num_tokens_ += static_cast<int>(sequence.size());
    KITH_CHECK(num_tokens_ <= state->chunk_tokens, "a chunk fits the RunState it was made for");
  }

  absl::Status Run(const Call& call) {
    Embed();
    for (const LayerWeights& layer : weights_.layers) {
      KITH_RETURN_IF_ERROR(call.Check());
      KITH_RETURN_IF_ERROR(SelfAttention(layer));
      KITH_RETURN_IF_ERROR(FeedForward(layer));
    }
    return absl::OkStatus();
  }

 private:
  // hidden = LayerNorm(word + position + segment), each token.
  void Embed() {
    float* row = state_.hidden.data();
    const float* first_position =
        weights_.positions.data() + static_cast<size_t>(config_.first_position) * size_;
    for (size_t s = 0; s < sequences_.size(); ++s) {
      const size_t tokens = sequences_[s].size();
      const size_t second = second_.empty() ? tokens : static_cast<size_t>(second_[s]);
      for (size_t i = 0; i < tokens; ++i, row += size_) {
        const float* word = weights_.words.data() + static_cast<size_t>(sequences_[s][i]) * size_;
        std::copy(word, word + size_, row);
        AddNorm(row, first_position + i * size_,
                weights_.segments.data() + (i < second ? 0 : size_), weights_.embedding_norm);
      }
    }
  }

  // hidden = LayerNorm(hidden + Wo softmax(Q Kᵀ / sqrt D) V + bias)
  absl::Status SelfAttention(const LayerWeights& w) {
    float* qkv = state_.qkv.data();
    KITH_RETURN_IF_ERROR(w.qkv.Apply(state_.hidden.data(), num_tokens_, qkv));
    kernels_.add_bias(qkv, num_tokens_, 3 * size_, w.qkv_bias.data());
    size_t first = 0;
    for (const auto& sequence : sequences_) {
      KITH_RETURN_IF_ERROR(Attend(qkv + first * 3 * size_, static_cast<int>(sequence.size()),
                                  state_.context.data() + first * size_));
      first += sequence.size();
    }
    // The queries, keys and values are spent: their place takes the block's output.
    KITH_RETURN_IF_ERROR(w.attention_out.Apply(state_.context.data(), num_tokens_, qkv));
    AddNormRows(qkv, w.attention_out_bias, w.attention_norm);
    return absl::OkStatus();
  }

  // One sequence. qkv: [t, 3C]; context: [t, C], a head's D columns at a time.
  absl::Status Attend(const float* qkv, int tokens, float* context) {
    const int head_size = config_.head_size();
    const int stride = 3 * size_;
    const float scale = 1.0f / std::sqrt(static_cast<float>(head_size));
    float* scores = state_.scores.data();
    for (int head = 0; head < config_.num_heads; ++head) {
      const float* queries = qkv + head * head_size;
      const ConstMatrix keys = {queries + size_, stride};
      const ConstMatrix values = {queries + 2 * size_, stride};
      for (int first = 0; first < tokens; first += kScoreRows) {
        const int rows = std::min(kScoreRows, tokens - first);
        const size_t offset = static_cast<size_t>(first);
        KITH_RETURN_IF_ERROR(MultiplyTransposed(rows, tokens, head_size, scale,
                                                {queries + offset * stride, stride}, keys,
                                                {scores, tokens}));
        if (!weights_.relative_bias.empty()) AddRelativeBias(head, first, rows, tokens, scores);
        kernels_.softmax(scores, rows, tokens, tokens);
        KITH_RETURN_IF_ERROR(Multiply(rows, head_size, tokens, {scores, tokens}, values,
                                      {context + offset * size_ + head * head_size, size_}));
      }
    }
    return absl::OkStatus();
  }

  // scores: [rows, tokens], of the queries from `first` on.
  void AddRelativeBias(int head, int first, int rows, int tokens, float* scores) {
    const int middle = config_.max_tokens - 1;  // distance 0
    const float* bias =
        weights_.relative_bias.data() + static_cast<size_t>(head) * (2 * middle + 1) + middle;
    for (int i = 0; i < rows; ++i, scores += tokens) {
      const float* of_first_key = bias - (first + i);
      for (int j = 0; j < tokens; ++j) scores[j] += of_first_key[j];
    }
  }

  // hidden = LayerNorm(hidden + W2 f(W1 hidden + b1) + b2)
  absl::Status FeedForward(const LayerWeights& w) {
    float* inner = state_.inner.data();
    KITH_RETURN_IF_ERROR(w.inner.Apply(state_.hidden.data(), num_tokens_, inner));
    Activate(inner, w.inner_bias);
    KITH_RETURN_IF_ERROR(w.outer.Apply(inner, num_tokens_, state_.context.data()));
    AddNormRows(state_.context.data(), w.outer_bias, w.outer_norm);
    return absl::OkStatus();
  }

  void Activate(float* inner, const std::vector<float>& bias) {
    switch (config_.activation) {
      case Activation::kGelu:
        return kernels_.bias_gelu(inner, num_tokens_, bias.size(), bias.data());
      case Activation::kGeluTanh:
        return kernels_.bias_gelu_tanh(inner, num_tokens_, bias.size(), bias.data());
      case Activation::kRelu:
        return kernels_.bias_relu(inner, num_tokens_, bias.size(), bias.data());
    }
  }

  void AddNorm(float* row, const float* add, const float* bias, const LayerNormWeights& norm) {
    kernels_.add_layer_norm(row, size_, add, bias, norm.gamma.data(), norm.beta.data(),
                            config_.layer_norm_eps);
  }

  // hidden = LayerNorm(hidden + block + bias), every row. block: [T, C].
  void AddNormRows(const float* block, const std::vector<float>& bias,
                   const LayerNormWeights& norm) {
    float* row = state_.hidden.data();
    for (int i = 0; i < num_tokens_; ++i, row += size_, block += size_) {
      AddNorm(row, block, bias.data(), norm);
    }
  }

  const Config& config_;
  const Weights& weights_;
  const Kernels& kernels_;
  const Sequences sequences_;
  const SegmentStarts second_;
  RunState& state_;
  const int size_;  // C
  int num_tokens_ = 0;
};

}  // namespace

absl::Status ForwardChunk(const Config& config, const Weights& weights, const Kernels& kernels,
                          Sequences sequences, SegmentStarts second, RunState* state,
                          const Call& call) {
  return Pass(config, weights, kernels, sequences, second, state).Run(call);
}

}  // namespace kith::encoder
