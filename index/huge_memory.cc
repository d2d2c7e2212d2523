#include "index/huge_memory.h"

#include <sys/mman.h>

#include <cstdint>

#include "kith/base/error.h"

namespace kith::index {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

size_t RoundUp(size_t bytes, size_t multiple) {
  return (bytes + multiple - 1) / multiple * multiple;
}

}  // namespace

absl::StatusOr<HugeMemory> HugeMemory::Allocate(size_t size_bytes) {
  HugeMemory memory;
  if (size_bytes == 0) return memory;
  constexpr size_t kMostBytes = SIZE_MAX / 2;
  // Below a huge page its alignment would only cost address space.
  const bool huge = size_bytes >= kHugePage;
  const size_t wanted = size_bytes < kMostBytes ? RoundUp(size_bytes, huge ? kHugePage : 4096) : 0;
  const size_t slack = huge ? kHugePage : 0;
  void* mapped = wanted == 0 ? MAP_FAILED
                             : mmap(nullptr, wanted + slack, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
                 "the system gave no {} bytes of memory for an index", size_bytes);
  }
  auto* begin = static_cast<std::byte*>(mapped);
  if (huge) {
    // Give back what lies before the first boundary of a huge page and after the last.
    auto* aligned = begin + (RoundUp(reinterpret_cast<uintptr_t>(begin), kHugePage) -
                             reinterpret_cast<uintptr_t>(begin));
    const size_t before = static_cast<size_t>(aligned - begin);
    if (before > 0) munmap(begin, before);
    if (slack > before) munmap(aligned + wanted, slack - before);
    begin = aligned;
    // Advice: where huge pages are switched off the memory is as good, only slower.
    madvise(begin, wanted, MADV_HUGEPAGE);
  }
  memory.data_ = begin;
  memory.size_bytes_ = size_bytes;
  memory.mapped_bytes_ = wanted;
  return memory;
}

HugeMemory::~HugeMemory() {
  if (data_ != nullptr) munmap(data_, mapped_bytes_);
}

}  // namespace kith::index
