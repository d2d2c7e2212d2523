// Buffer: memory at a 64-byte boundary (a cache line, and the widest vector register), not
// initialised. Large ones ask for pages of 2 MiB, since weights are read from end to end for every
// chunk.

#ifndef KITH_ENCODER_BUFFER_H_
#define KITH_ENCODER_BUFFER_H_

#include <cstddef>
#include <memory>
#include <new>

namespace kith::encoder {

// Throws std::bad_alloc.
void* AllocateAligned(size_t bytes);

template <typename T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t count)
      : count_(count), data_(static_cast<T*>(AllocateAligned(count * sizeof(T)))) {}

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return count_; }
  size_t bytes() const { return count_ * sizeof(T); }

 private:
  struct Free {
    void operator()(T* p) const { ::operator delete(p, std::align_val_t(64)); }
  };
  size_t count_ = 0;
  std::unique_ptr<T, Free> data_;
};

using FloatBuffer = Buffer<float>;
using ByteBuffer = Buffer<std::byte>;

}  // namespace kith::encoder

#endif  // KITH_ENCODER_BUFFER_H_
