// HugeMemory: one block of anonymous memory in huge pages where the system gives them. For what is
// read at random in every search (graphs, codes): with 4 KiB pages nearly every such read misses
// the TLB as well, which costs a walk through a large graph about a seventh of its speed.
//
// Movable; the address stays the same when it moves. Not synchronised.

#ifndef KITH_INDEX_HUGE_MEMORY_H_
#define KITH_INDEX_HUGE_MEMORY_H_

#include <cstddef>
#include <span>
#include <utility>

#include "absl/status/statusor.h"

namespace kith::index {

class HugeMemory {
 public:
  // Zeroed bytes, aligned to 64 at least. RESOURCE_EXHAUSTED (MEMORY_BUDGET) when the system gives
  // no memory. Zero bytes are fine.
  static absl::StatusOr<HugeMemory> Allocate(size_t size_bytes);

  HugeMemory() = default;
  HugeMemory(HugeMemory&& other) noexcept { *this = std::move(other); }
  HugeMemory& operator=(HugeMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_bytes_, other.size_bytes_);
    std::swap(mapped_bytes_, other.mapped_bytes_);
    return *this;
  }
  ~HugeMemory();

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  size_t size_bytes() const { return size_bytes_; }
  std::span<std::byte> bytes() { return {data_, size_bytes_}; }
  std::span<const std::byte> bytes() const { return {data_, size_bytes_}; }

 private:
  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
  size_t mapped_bytes_ = 0;
};

}  // namespace kith::index

#endif  // KITH_INDEX_HUGE_MEMORY_H_
