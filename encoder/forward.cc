// Shapes: T tokens of the chunk, t tokens of one sequence, C hidden size, H heads, D = C / H head
// size, F intermediate size.

#include "encoder/forward.h"

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
        weights_.words.Read(sequences_[s][i], row);
        kernels_.add_bias(row, 1, size_, first_position + i * size_);
        kernels_.add_bias(row, 1, size_, weights_.segments.data() + (i < second ? 0 : size_));
      }
    }
    Normalise(state_.hidden.data(), num_tokens_, weights_.embedding_norm);
  }

  // context = softmax(Q Kᵀ / sqrt D) V
  absl::Status SelfAttention(const LayerWeights& w) {
    KITH_RETURN_IF_ERROR(ForBlocks([&](size_t first, int rows) {
      return w.qkv.Apply(state_.hidden.data() + first * size_, rows, Epilogue::kStore,
                         state_.qkv.data() + first * 3 * size_, &state_.linear);
    }));
    size_t first = 0;
    for (const auto& sequence : sequences_) {
      for (int head = 0; head < config_.num_heads; ++head) Attend(first, sequence.size(), head);
      first += sequence.size();
    }
    return absl::OkStatus();
  }

  // One head of the sequence whose tokens begin at `first`.
  void Attend(size_t first, size_t tokens, int head) {
    const size_t head_size = static_cast<size_t>(config_.head_size());
    const float* queries = state_.qkv.data() + first * 3 * size_ + head * head_size;
    const int middle = config_.max_tokens - 1;  // distance 0
    const float* bias =
        weights_.relative_bias.empty()
            ? nullptr
            : weights_.relative_bias.data() + static_cast<size_t>(head) * (2 * middle + 1) + middle;
    kernels_.attend({.queries = queries,
                     .keys = queries + size_,
                     .values = queries + 2 * size_,
                     .stride = static_cast<size_t>(3 * size_),
                     .tokens = tokens,
                     .head_size = head_size,
                     .scale = 1.0f / std::sqrt(static_cast<float>(head_size)),
                     .bias = bias,
                     .scratch = state_.attention.data(),
                     .out = state_.context.data() + first * size_ + head * head_size,
                     .out_stride = static_cast<size_t>(size_)});
  }

  // hidden = LayerNorm(hidden + Wo context + bo); hidden = LayerNorm(hidden + W2 f(W1 hidden + b1)
  // + b2)
  absl::Status FeedForward(const LayerWeights& w) {
    return ForBlocks([&](size_t first, int rows) -> absl::Status {
      float* hidden = state_.hidden.data() + first * size_;
      float* inner = state_.inner.data();
      LinearScratch* scratch = &state_.linear;
      KITH_RETURN_IF_ERROR(w.attention_out.Apply(state_.context.data() + first * size_, rows,
                                                 Epilogue::kAdd, hidden, scratch));
      Normalise(hidden, rows, w.attention_norm);
      KITH_RETURN_IF_ERROR(w.inner.Apply(hidden, rows, InnerEpilogue(), inner, scratch));
      KITH_RETURN_IF_ERROR(w.outer.Apply(inner, rows, Epilogue::kAdd, hidden, scratch));
      Normalise(hidden, rows, w.outer_norm);
      return absl::OkStatus();
    });
  }

  // Calls run(first, rows) for equal blocks of at most kBlockRows tokens.
  template <typename Run>
  absl::Status ForBlocks(const Run& run) {
    const int blocks = (num_tokens_ + kBlockRows - 1) / kBlockRows;
    int first = 0;
    for (int i = 0; i < blocks; ++i) {
      const int rows = num_tokens_ / blocks + (i < num_tokens_ % blocks ? 1 : 0);
      KITH_RETURN_IF_ERROR(run(static_cast<size_t>(first), rows));
      first += rows;
    }
    return absl::OkStatus();
  }

  Epilogue InnerEpilogue() const {
    switch (config_.activation) {
      case Activation::kGelu:
        return Epilogue::kGelu;
      case Activation::kGeluTanh:
        return Epilogue::kGeluTanh;
      case Activation::kRelu:
        break;
    }
    return Epilogue::kRelu;
  }

  void Normalise(float* rows, int count, const LayerNormWeights& norm) {
    kernels_.layer_norm(rows, static_cast<size_t>(count), static_cast<size_t>(size_),
                        norm.gamma.data(), norm.beta.data(), config_.layer_norm_eps);
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
