// Which kernels this processor can run, and which of them the encoder uses.

#ifndef KITH_ENCODER_KERNELS_DISPATCH_H_
#define KITH_ENCODER_KERNELS_DISPATCH_H_

#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "encoder/kernels/kernels.h"

namespace kith::encoder {

// The oracle of the others.
extern const Kernels kScalarKernels;

// Every set that this processor can run, from the plainest to the fastest:
//   scalar      formulas, one number after the other
//   vector128   128-bit registers, whatever the processor
//   onednn      oneDNN's float32 products, the rest by the best of 128 and 256 bits; the default
//               where there is no AVX2
//   avx2        with FMA
//   avx512      F, BW, DQ and VL; avx512vnni: with VNNI for int8; avx512bf16: with BF16 as well
std::span<const Kernels* const> AvailableKernels();

// The set of that name, or the fastest one for the empty name. A name that this processor cannot
// run, or that nobody knows, is INVALID_ARGUMENT.
absl::StatusOr<const Kernels*> ChooseKernels(std::string_view name);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_KERNELS_DISPATCH_H_
