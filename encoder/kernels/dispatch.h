// Which kernels this processor can run, and which of them the encoder uses.

#ifndef KITH_ENCODER_KERNELS_DISPATCH_H_
#define KITH_ENCODER_KERNELS_DISPATCH_H_

#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "encoder/kernels/kernels.h"

namespace kith::encoder {

// Every set that this processor can run, from the plainest ("scalar", the oracle of the others) to
// the fastest.
std::span<const Kernels* const> AvailableKernels();

// The set of that name, or the fastest one for the empty name. A name that this processor cannot
// run, or that nobody knows, is INVALID_ARGUMENT.
absl::StatusOr<const Kernels*> ChooseKernels(std::string_view name);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_KERNELS_DISPATCH_H_
