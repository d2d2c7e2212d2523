#include "client/cpp/vector.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "kith/base/error.h"

namespace kith::client {
namespace {

void AppendLittleEndian(float value, std::string& out) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(bits >> shift);
}

uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value |= uint32_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  }
  return value;
}

float Float32(std::string_view bytes) { return std::bit_cast<float>(LittleEndian(bytes)); }

// IEEE 754 binary16: 1 bit of sign, 5 of exponent (bias 15), 10 of fraction.
float Float16(std::string_view bytes) {
  const uint32_t half = LittleEndian(bytes);
  const int exponent = static_cast<int>(half >> 10 & 0x1f);
  const float fraction = static_cast<float>(half & 0x3ff);
  float magnitude;
  if (exponent == 31) {
    magnitude = fraction == 0 ? std::numeric_limits<float>::infinity()
                              : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(fraction, -24);
  } else {
    magnitude = std::ldexp(1024 + fraction, exponent - 25);
  }
  return half & 0x8000 ? -magnitude : magnitude;
}

float Int8(std::string_view bytes) { return static_cast<float>(static_cast<int8_t>(bytes[0])); }

absl::StatusOr<std::vector<float>> Unpack(std::string_view bytes, size_t width, uint32_t dimension,
                                          float (*decode)(std::string_view)) {
  const size_t count = bytes.size() / width;
  if (bytes.size() % width != 0 || (dimension != 0 && dimension != count)) {
    return InvalidArgument(reason::kDimensionMismatch,
                           "vector: {} bytes of {} each do not hold {} values", bytes.size(), width,
                           dimension);
  }
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = decode(bytes.substr(i * width, width));
  return values;
}

}  // namespace

v1::Vector PackVector(std::span<const float> values) {
  v1::Vector vector;
  std::string& bytes = *vector.mutable_f32_le();
  bytes.reserve(values.size() * sizeof(float));
  for (const float value : values) AppendLittleEndian(value, bytes);
  vector.set_dimension(static_cast<uint32_t>(values.size()));
  return vector;
}

absl::StatusOr<std::vector<float>> UnpackVector(const v1::Vector& vector) {
  switch (vector.packed_case()) {
    case v1::Vector::kF32Le:
      return Unpack(vector.f32_le(), 4, vector.dimension(), Float32);
    case v1::Vector::kF16Le:
      return Unpack(vector.f16_le(), 2, vector.dimension(), Float16);
    case v1::Vector::kI8:
      return Unpack(vector.i8(), 1, vector.dimension(), Int8);
    case v1::Vector::PACKED_NOT_SET:
      break;
  }
  return std::vector<float>(vector.values().begin(), vector.values().end());
}

}  // namespace kith::client
