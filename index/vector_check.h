// Is this a vector that a space of that metric and dimension can hold or be asked for? Everything
// from outside (a request, an encoder, a row read back from disk) passes here before the index sees
// it.

#ifndef KITH_INDEX_VECTOR_CHECK_H_
#define KITH_INDEX_VECTOR_CHECK_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "index/metric.h"

namespace kith::index {

// INVALID_ARGUMENT (DIMENSION_MISMATCH) unless 1 <= dimension <= kMaxDimension.
absl::Status ValidateDimension(uint64_t dimension);

// OK, or INVALID_ARGUMENT with one of these reasons:
//   DIMENSION_MISMATCH  it has not `dimension` components;
//   VECTOR_NOT_FINITE   a component is NaN or infinite (the message and the field name the first);
//   ZERO_VECTOR         all components are zero, under cosine: it has no direction;
//   VECTOR_NORM         its norm is over 1e18, or under cosine below 1e-18: squares of such norms
//                       leave the range of float32.
// Zero and denormal vectors are fine under dot and l2. The field path is relative to the vector
// ("[17]"): complete it by InField(status, "documents[3].vector").
absl::Status ValidateVector(std::span<const float> vector, Metric metric, uint32_t dimension);

}  // namespace kith::index

#endif  // KITH_INDEX_VECTOR_CHECK_H_
