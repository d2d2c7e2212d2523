#include "index/kernels/kernels.h"

#ifdef KITH_INDEX_X86_KERNELS
#include <cpuid.h>
#endif

#include <vector>

#include "index/kernels/sets.h"
#include "index/metric.h"

namespace kith::index {
namespace {

static_assert(int64_t{kMaxDimension} * kMaxCode * kMaxQueryCode < (int64_t{1} << 31),
              "a sum of code products must fit int32");

constexpr Kernels kPortable = {
    .name = "portable",
    .dot_f32 = portable::DotF32,
    .squared_l2_f32 = portable::SquaredL2F32,
    .dot_codes = portable::DotCodes,
    .score_int4 = portable::ScoreInt4,
    .score_int8 = portable::ScoreInt8,
    .score_f16 = portable::ScoreF16,
    .score_f32 = portable::ScoreF32,
    .score_build_codes = portable::ScoreBuildCodes,
};
#ifdef KITH_INDEX_X86_KERNELS
constexpr Kernels kAvx2 = {
    .name = "avx2",
    .dot_f32 = avx2::DotF32,
    .squared_l2_f32 = avx2::SquaredL2F32,
    .dot_codes = avx2::DotCodes,
    .score_int4 = avx2::ScoreInt4,
    .score_int8 = avx2::ScoreInt8,
    .score_f16 = avx2::ScoreF16,
    .score_f32 = avx2::ScoreF32,
    .score_build_codes = avx2::ScoreBuildCodes,
};
constexpr Kernels kAvx512 = {
    .name = "avx512",
    .dot_f32 = avx512::DotF32,
    .squared_l2_f32 = avx512::SquaredL2F32,
    .dot_codes = avx512::DotCodes,
    .score_int4 = avx512::ScoreInt4,
    .score_int8 = avx512::ScoreInt8,
    .score_f16 = avx512::ScoreF16,
    .score_f32 = avx512::ScoreF32,
    .score_build_codes = avx512::ScoreBuildCodes,
};
constexpr Kernels kAvx512Vnni = {
    .name = "avx512vnni",
    .dot_f32 = avx512::DotF32,
    .squared_l2_f32 = avx512::SquaredL2F32,
    .dot_codes = avx512vnni::DotCodes,
    .score_int4 = avx512vnni::ScoreInt4,
    .score_int8 = avx512vnni::ScoreInt8,
    .score_f16 = avx512::ScoreF16,
    .score_f32 = avx512::ScoreF32,
    .score_build_codes = avx512vnni::ScoreBuildCodes,
};
#endif

#ifdef KITH_INDEX_X86_KERNELS
// clang 14 cannot be asked for it by name.
bool HasF16c() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}
#endif

std::vector<const Kernels*> Detect() {
  std::vector<const Kernels*> sets = {&kPortable};
#ifdef KITH_INDEX_X86_KERNELS
  // These ask the operating system too, whether it saves the wide registers.
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && HasF16c()) {
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
