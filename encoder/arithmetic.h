// Arithmetic: by which instructions and in which precision a model computes. Chosen once, when the
// model is loaded; the choice is in EncoderInfo.

#ifndef KITH_ENCODER_ARITHMETIC_H_
#define KITH_ENCODER_ARITHMETIC_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "encoder/kernels/kernels.h"

namespace kith::encoder {

// Of the linear layers. The residual stream, attention, LayerNorm and pooling are float32 in all of
// them.
enum class Precision {
  kFloat32,
  kBfloat16,  // weights of 2 bytes; activations rounded to bfloat16 where there are instructions
  kInt8,      // weights of 1 byte, an output's by one scale; activations of 1, by token
};
std::string_view PrecisionName(Precision precision);  // "float32", "bfloat16", "int8"

struct Arithmetic {
  const Kernels* kernels = nullptr;
  Precision precision = Precision::kFloat32;

  // Null: the linear layers are oneDNN's.
  const GemmKernels* gemm() const;
};

// What is asked for by name; empty: the best that this processor has, i.e. the fastest kernels, and
// bfloat16 where they have instructions for it, else float32. int8 is never taken unasked.
struct ArithmeticOptions {
  std::string kernels;    // a name of kernels/dispatch.h
  std::string precision;  // PrecisionName, or f32 or bf16 for short

  // Of KITH_ENCODER_KERNELS and KITH_ENCODER_PRECISION.
  static ArithmeticOptions FromEnvironment();
};

// INVALID_ARGUMENT for a name that nobody knows, or kernels that this processor cannot run.
absl::StatusOr<Arithmetic> ChooseArithmetic(const ArithmeticOptions& options);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_ARITHMETIC_H_
