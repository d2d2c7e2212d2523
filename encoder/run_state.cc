#include "encoder/run_state.h"

#include <algorithm>

#include "encoder/config.h"
#include "encoder/forward.h"

namespace kith::encoder {

RunState::RunState(const Config& config)
    : chunk_tokens(std::max(kChunkTokens, config.max_tokens)),
      hidden(static_cast<size_t>(chunk_tokens) * config.hidden_size),
      qkv(static_cast<size_t>(chunk_tokens) * config.hidden_size * 3),
      context(static_cast<size_t>(chunk_tokens) * config.hidden_size),
      inner(static_cast<size_t>(chunk_tokens) * config.intermediate_size),
      scores(static_cast<size_t>(kScoreRows) * config.max_tokens) {}

size_t RunState::memory_bytes() const {
  return sizeof(float) *
         (hidden.size() + qkv.size() + context.size() + inner.size() + scores.size());
}

}  // namespace kith::encoder
