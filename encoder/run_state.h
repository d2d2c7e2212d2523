// RunState: the scratch memory of one forward pass, allocated once for each worker thread and
// reused. Its size follows from the model alone, never from the input: longer batches run in
// chunks.
//
// Not thread-safe: one thread at a time.

#ifndef KITH_ENCODER_RUN_STATE_H_
#define KITH_ENCODER_RUN_STATE_H_

#include <cstddef>
#include <memory>
#include <new>

namespace kith::encoder {

struct Config;

// Floats at a 64-byte boundary (a cache line, and the widest vector register), not initialised.
class FloatBuffer {
 public:
  FloatBuffer() = default;
  explicit FloatBuffer(size_t count)
      : count_(count),
        data_(static_cast<float*>(::operator new(count * sizeof(float), std::align_val_t(64)))) {}

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  size_t size() const { return count_; }

 private:
  struct Free {
    void operator()(float* p) const { ::operator delete(p, std::align_val_t(64)); }
  };
  size_t count_ = 0;
  std::unique_ptr<float, Free> data_;
};

// T: tokens of a chunk, at most chunk_tokens; C: hidden size; F: intermediate size.
class RunState {
 public:
  explicit RunState(const Config& config);

  size_t memory_bytes() const;

  const int chunk_tokens;
  FloatBuffer hidden;   // [T, C] the residual stream
  FloatBuffer qkv;      // [T, 3C] queries, keys and values side by side
  FloatBuffer context;  // [T, C] what attention gathered; then each block's output
  FloatBuffer inner;    // [T, F] the feed-forward block's inner layer
  FloatBuffer scores;   // [rows of queries, T] attention of one head
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_RUN_STATE_H_
