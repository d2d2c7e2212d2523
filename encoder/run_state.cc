#include "encoder/run_state.h"

#include <algorithm>

#include "encoder/config.h"
#include "encoder/forward.h"

namespace kith::encoder {
namespace {

constexpr size_t kReadBeyond = 32;  // floats that Attention may read behind the last value

size_t AttentionFloats(const Config& config) {
  const size_t tokens = static_cast<size_t>(config.max_tokens);
  const size_t rounded = (tokens + kAttentionColumns - 1) / kAttentionColumns * kAttentionColumns;
  return (kAttentionRows + static_cast<size_t>(config.head_size())) * rounded;
}

}  // namespace

RunState::RunState(const Config& config)
    : chunk_tokens(std::max(kChunkTokens, config.max_tokens)),
      hidden(static_cast<size_t>(chunk_tokens) * config.hidden_size),
      qkv(static_cast<size_t>(chunk_tokens) * config.hidden_size * 3 + kReadBeyond),
      context(static_cast<size_t>(chunk_tokens) * config.hidden_size),
      inner(static_cast<size_t>(kBlockRows) * config.intermediate_size),
      attention(AttentionFloats(config)),
      linear(kBlockRows, std::max(config.hidden_size, config.intermediate_size)) {}

size_t RunState::memory_bytes() const {
  return hidden.bytes() + qkv.bytes() + context.bytes() + inner.bytes() + attention.bytes() +
         linear.memory_bytes();
}

}  // namespace kith::encoder
