// Vectors on the wire: packed float32, float16 or int8, or a list of floats.

#include <bit>
#include <cstring>
#include <string>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/translate_common.h"

namespace kith::rpc {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the packed forms are little-endian and copied as they are");

// IEEE 754 binary16 to binary32, exactly; NaN and infinity stay what they are.
float WidenHalf(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t exponent = (half >> 10) & 0x1F;
  const uint32_t fraction = half & 0x3FF;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000u | (fraction << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  // Zero and subnormals: fraction * 2^-24.
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return sign != 0 ? -magnitude : magnitude;
}

struct Packed {
  const std::string* bytes;
  size_t width;  // bytes a value
  const char* name;
};

Packed PackedOf(const v1::Vector& in) {
  switch (in.packed_case()) {
    case v1::Vector::kF32Le:
      return {&in.f32_le(), 4, "f32_le"};
    case v1::Vector::kF16Le:
      return {&in.f16_le(), 2, "f16_le"};
    case v1::Vector::kI8:
      return {&in.i8(), 1, "i8"};
    case v1::Vector::PACKED_NOT_SET:
      break;
  }
  return {nullptr, 0, "values"};
}

void Unpack(const Packed& packed, std::vector<float>* out) {
  const char* const bytes = packed.bytes->data();
  if (packed.width == 4) {
    std::memcpy(out->data(), bytes, packed.bytes->size());
    return;
  }
  for (size_t i = 0; i < out->size(); ++i) {
    if (packed.width == 1) {
      (*out)[i] = static_cast<float>(static_cast<int8_t>(bytes[i]));
    } else {
      uint16_t half;
      std::memcpy(&half, bytes + 2 * i, sizeof(half));
      (*out)[i] = WidenHalf(half);
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<float>> ReadVector(const v1::Vector& in, const engine::Limits& limits) {
  const Packed packed = PackedOf(in);
  if (packed.bytes != nullptr && in.values_size() != 0) {
    return InvalidArgument(reason::kInvalidRequest,
                           "both {} and values are set: a vector comes in one form", packed.name)
        .Field("values");
  }
  if (packed.bytes != nullptr && packed.bytes->size() % packed.width != 0) {
    return InvalidArgument(reason::kInvalidRequest, "{}: {} bytes is not a multiple of {}",
                           packed.name, packed.bytes->size(), packed.width)
        .Field(packed.name);
  }
  const size_t count = packed.bytes != nullptr ? packed.bytes->size() / packed.width
                                               : static_cast<size_t>(in.values_size());
  if (in.dimension() != 0 && in.dimension() != count) {
    return InvalidArgument(reason::kDimensionMismatch, "{} holds {} values, dimension says {}",
                           packed.name, count, in.dimension())
        .Field("dimension");
  }
  if (count == 0 || count > limits.dimension) {
    return InvalidArgument(reason::kDimensionMismatch, "got {} values: a vector has 1 to {}", count,
                           limits.dimension)
        .Field(packed.name)
        .With("limit", limits.dimension);
  }
  if (packed.bytes == nullptr) return std::vector<float>(in.values().begin(), in.values().end());
  std::vector<float> values(count);
  Unpack(packed, &values);
  return values;
}

void WriteVector(const std::vector<float>& values, v1::Vector* out) {
  out->mutable_f32_le()->assign(reinterpret_cast<const char*>(values.data()),
                                values.size() * sizeof(float));
  out->set_dimension(static_cast<uint32_t>(values.size()));
}

}  // namespace kith::rpc
