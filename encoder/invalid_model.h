// The status of a model directory that cannot be used: FAILED_PRECONDITION / INVALID_MODEL.

#ifndef KITH_ENCODER_INVALID_MODEL_H_
#define KITH_ENCODER_INVALID_MODEL_H_

#include <utility>

#include "kith/base/error.h"

namespace kith::encoder {

template <typename... Args>
ErrorBuilder InvalidModel(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kInvalidModel, format,
               std::forward<Args>(args)...);
}

}  // namespace kith::encoder

#endif  // KITH_ENCODER_INVALID_MODEL_H_
