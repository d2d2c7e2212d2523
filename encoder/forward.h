// The forward pass of BERT (Devlin et al., 2018) and those that compute as it does, over sequences
// packed end to end: nothing is padded, so nothing is computed for padding. Linear layers run over
// blocks of a chunk's tokens; attention runs within each sequence.

#ifndef KITH_ENCODER_FORWARD_H_
#define KITH_ENCODER_FORWARD_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "encoder/config.h"
#include "encoder/kernels/kernels.h"
#include "encoder/run_state.h"
#include "encoder/weights.h"
#include "kith/base/call.h"

namespace kith::encoder {

// Tokens of a chunk, unless a single sequence is longer. The activations of so many stay in a
// core's share of the caches while its neighbours work on chunks of their own, and there are enough
// rows to multiply at full speed.
inline constexpr int kChunkTokens = 256;
// Tokens that pass together through what does not mix tokens: the attention's output, the
// feed-forward block and the normalisations. Their activations lie in the second-level cache from
// one step to the next.
inline constexpr int kBlockRows = 128;

using Sequences = std::span<const std::span<const int32_t>>;

// Of a sequence of two texts: where the tokens of segment 1 begin.
using SegmentStarts = std::span<const int>;

// Runs the layers over one chunk; the last hidden states are left in state->hidden [T, C], in the
// order of `sequences`. REQUIRES: 1 <= tokens of each sequence <= max_tokens; together <=
// state->chunk_tokens; ids in [0, vocab_size). `second`: one a sequence, and the model has two
// segments; or empty: all is segment 0.
absl::Status ForwardChunk(const Config& config, const Weights& weights, const Kernels& kernels,
                          Sequences sequences, SegmentStarts second, RunState* state,
                          const Call& call);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_FORWARD_H_
