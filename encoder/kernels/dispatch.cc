#include "encoder/kernels/dispatch.h"

#include <string>
#include <vector>

#include "encoder/kernels/sets.h"
#include "kith/base/error.h"

namespace kith::encoder {
namespace {

#define KITH_ROWS(set)                                                                       \
  .add_bias = set::AddBias, .bias_gelu = set::BiasGelu, .bias_gelu_tanh = set::BiasGeluTanh, \
  .bias_relu = set::BiasRelu, .softmax = set::Softmax, .layer_norm = set::LayerNorm,         \
  .attend = set::Attend

constexpr Kernels kVector128 = {.name = "vector128",
                                KITH_ROWS(vector128),
                                .f32 = &vector128::kF32,
                                .bf16 = &vector128::kBf16,
                                .int8 = &vector128::kInt8,
                                .native_bf16 = false,
                                .native_int8 = false};

#if defined(__x86_64__)
constexpr Kernels kAvx2 = {.name = "avx2",
                           KITH_ROWS(avx2),
                           .f32 = &avx2::kF32,
                           .bf16 = &avx2::kBf16,
                           .int8 = &avx2::kInt8,
                           .native_bf16 = false,
                           .native_int8 = false};

constexpr Kernels Avx512(const char* name, const GemmKernels* bf16, const GemmKernels* int8) {
  return {.name = name,
          KITH_ROWS(avx512),
          .f32 = &avx512::kF32,
          .bf16 = bf16,
          .int8 = int8,
          .native_bf16 = bf16 == &avx512bf16::kBf16,
          .native_int8 = int8 == &avx512vnni::kInt8};
}
constexpr Kernels kAvx512 = Avx512("avx512", &avx512::kBf16, &avx2::kInt8);
constexpr Kernels kAvx512Vnni = Avx512("avx512vnni", &avx512::kBf16, &avx512vnni::kInt8);
constexpr Kernels kAvx512Bf16 = Avx512("avx512bf16", &avx512bf16::kBf16, &avx512vnni::kInt8);
#endif

// float32 products by oneDNN, the rest by `other`.
constexpr Kernels WithOneDnn(const Kernels& other) {
  Kernels set = other;
  set.name = "onednn";
  set.f32 = nullptr;
  return set;
}
constexpr Kernels kOneDnn = WithOneDnn(kVector128);

}  // namespace

const Kernels kScalarKernels = {.name = "scalar",
                                KITH_ROWS(scalar),
                                .f32 = &scalar::kF32,
                                .bf16 = &scalar::kBf16,
                                .int8 = &scalar::kInt8,
                                .native_bf16 = false,
                                .native_int8 = false};

std::span<const Kernels* const> AvailableKernels() {
  static const std::vector<const Kernels*> available = [] {
    std::vector<const Kernels*> sets = {&kScalarKernels, &kVector128};
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    static constexpr Kernels kOneDnnAvx2 = WithOneDnn(kAvx2);
    sets.push_back(avx2 ? &kOneDnnAvx2 : &kOneDnn);
    if (!avx2) return sets;
    sets.push_back(&kAvx2);
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
      return sets;
    }
    sets.push_back(&kAvx512);
    if (!__builtin_cpu_supports("avx512vnni")) return sets;
    sets.push_back(&kAvx512Vnni);
    if (__builtin_cpu_supports("avx512bf16")) sets.push_back(&kAvx512Bf16);
#else
    sets.push_back(&kOneDnn);
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
