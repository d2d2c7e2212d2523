// Vectors on the wire, as floats.

#ifndef KITH_CLIENT_CPP_VECTOR_H_
#define KITH_CLIENT_CPP_VECTOR_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "kith/v1/common.pb.h"

namespace kith::client {

// The compact form: little-endian float32.
v1::Vector PackVector(std::span<const float> values);

// Any form that a Vector can have. INVALID_ARGUMENT (DIMENSION_MISMATCH) if its bytes and its
// dimension do not agree.
absl::StatusOr<std::vector<float>> UnpackVector(const v1::Vector& vector);

}  // namespace kith::client

#endif  // KITH_CLIENT_CPP_VECTOR_H_
