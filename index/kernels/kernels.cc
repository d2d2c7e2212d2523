#include "index/kernels/kernels.h"

#include <vector>

#include "index/kernels/sets.h"
#include "index/metric.h"

namespace kith::index {
namespace {

static_assert(int64_t{kMaxDimension} * kMaxCode * kMaxQueryCode < (int64_t{1} << 31),
              "a sum of code products must fit int32");

constexpr Kernels kPortable = {"portable", portable::DotF32, portable::SquaredL2F32,
                               portable::DotCodes};
#ifdef KITH_INDEX_X86_KERNELS
constexpr Kernels kAvx2 = {"avx2", avx2::DotF32, avx2::SquaredL2F32, avx2::DotCodes};
constexpr Kernels kAvx512 = {"avx512", avx512::DotF32, avx512::SquaredL2F32, avx512::DotCodes};
constexpr Kernels kAvx512Vnni = {"avx512vnni", avx512::DotF32, avx512::SquaredL2F32,
                                 avx512vnni::DotCodes};
#endif

std::vector<const Kernels*> Detect() {
  std::vector<const Kernels*> sets = {&kPortable};
#ifdef KITH_INDEX_X86_KERNELS
  // These ask the operating system too, whether it saves the wide registers.
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    sets.push_back(&kAvx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      sets.push_back(&kAvx512);
      if (__builtin_cpu_supports("avx512vnni")) sets.push_back(&kAvx512Vnni);
    }
  }
#endif
  return sets;
}

}  // namespace

std::span<const Kernels* const> AvailableKernels() {
  static const auto& sets = *new std::vector<const Kernels*>(Detect());  // never destroyed
  return sets;
}

const Kernels& BestKernels() { return *AvailableKernels().back(); }

const Kernels* FindKernels(std::string_view name) {
  for (const Kernels* kernels : AvailableKernels()) {
    if (kernels->name == name) return kernels;
  }
  return nullptr;
}

}  // namespace kith::index
