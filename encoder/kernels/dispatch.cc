#include "encoder/kernels/dispatch.h"

#include <string>
#include <vector>

#include "kith/base/error.h"

namespace kith::encoder {

std::span<const Kernels* const> AvailableKernels() {
  static const std::vector<const Kernels*> available = [] {
    std::vector<const Kernels*> sets = {&kScalarKernels, &kVector128Kernels};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      sets.push_back(&kAvx2Kernels);
    }
#endif
    return sets;
  }();
  return available;
}

absl::StatusOr<const Kernels*> ChooseKernels(std::string_view name) {
  if (name.empty()) return AvailableKernels().back();
  std::string known;
  for (const Kernels* set : AvailableKernels()) {
    if (name == set->name) return set;
    known += known.empty() ? "" : ", ";
    known += set->name;
  }
  return InvalidArgument(reason::kInvalidRequest, "encoder kernels {}: this processor runs {}",
                         Quoted(name), known);
}

}  // namespace kith::encoder
