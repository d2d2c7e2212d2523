#include "encoder/buffer.h"

#include <sys/mman.h>

#include <cstdint>

namespace kith::encoder {

void* AllocateAligned(size_t bytes) {
  void* memory = ::operator new(bytes, std::align_val_t(64));
#if defined(MADV_HUGEPAGE)
  // The whole pages inside. A hint: where it is refused, small pages do.
  constexpr uintptr_t kHuge = 2 << 20;
  const auto begin = (reinterpret_cast<uintptr_t>(memory) + kHuge - 1) & ~(kHuge - 1);
  const auto end = (reinterpret_cast<uintptr_t>(memory) + bytes) & ~(kHuge - 1);
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
  return memory;
}

}  // namespace kith::encoder
