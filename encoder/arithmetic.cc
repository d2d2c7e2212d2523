#include "encoder/arithmetic.h"

#include <cstdlib>

#include "encoder/kernels/dispatch.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string_view PrecisionName(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return "float32";
    case Precision::kBfloat16:
      return "bfloat16";
    case Precision::kInt8:
      return "int8";
  }
  return "";
}

const GemmKernels* Arithmetic::gemm() const {
  switch (precision) {
    case Precision::kFloat32:
      return kernels->f32;
    case Precision::kBfloat16:
      return kernels->bf16;
    case Precision::kInt8:
      return kernels->int8;
  }
  return kernels->f32;
}

ArithmeticOptions ArithmeticOptions::FromEnvironment() {
  return {Variable("KITH_ENCODER_KERNELS"), Variable("KITH_ENCODER_PRECISION")};
}

absl::StatusOr<Arithmetic> ChooseArithmetic(const ArithmeticOptions& options) {
  Arithmetic chosen;
  KITH_ASSIGN_OR_RETURN(chosen.kernels, ChooseKernels(options.kernels));
  const std::string& name = options.precision;
  if (name.empty()) {
    chosen.precision = chosen.kernels->native_bf16 ? Precision::kBfloat16 : Precision::kFloat32;
  } else if (name == "float32" || name == "f32") {
    chosen.precision = Precision::kFloat32;
  } else if (name == "bfloat16" || name == "bf16") {
    chosen.precision = Precision::kBfloat16;
  } else if (name == "int8") {
    chosen.precision = Precision::kInt8;
  } else {
    return InvalidArgument(reason::kInvalidRequest,
                           "encoder precision {}: float32, bfloat16 and int8 are known",
                           Quoted(name));
  }
  return chosen;
}

}  // namespace kith::encoder
