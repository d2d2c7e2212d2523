// RunState: the scratch memory of one forward pass, allocated once for each worker thread and
// reused. Its size follows from the model alone, never from the input: longer batches run in
// chunks.
//
// Not thread-safe: one thread at a time.

#ifndef KITH_ENCODER_RUN_STATE_H_
#define KITH_ENCODER_RUN_STATE_H_

#include <cstddef>

#include "encoder/buffer.h"
#include "encoder/gemm.h"

namespace kith::encoder {

struct Config;

// T: tokens of a chunk, at most chunk_tokens; R: rows of a block (forward.h); C: hidden size; F:
// intermediate size.
class RunState {
 public:
  explicit RunState(const Config& config);

  size_t memory_bytes() const;

  const int chunk_tokens;
  FloatBuffer hidden;     // [T, C] the residual stream
  FloatBuffer qkv;        // [T, 3C] queries, keys and values side by side
  FloatBuffer context;    // [T, C] what attention gathered
  FloatBuffer inner;      // [R, F] the feed-forward block's inner layer
  FloatBuffer attention;  // scores and turned keys of one head
  LinearScratch linear;   // for R rows of up to max(C, F) numbers
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_RUN_STATE_H_
