// The value of a vector's row: passage_index u32 | dimension x float32, little-endian.

#ifndef KITH_STORAGE_VECTOR_ROW_H_
#define KITH_STORAGE_VECTOR_ROW_H_

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "storage/keys.h"
#include "storage/records.h"

namespace kith::storage {

// Copies the floats to `values`, whose size is the dimension: the row's own place is not aligned.
inline absl::Status ParseVectorRow(std::string_view key, std::string_view value,
                                   uint32_t& passage_index, std::span<float> values) {
  const size_t expected = sizeof(passage_index) + values.size_bytes();
  if (value.size() != expected) [[unlikely]] {
    return DamagedRow(Family::kVectors, key,
                      fmt::format("{} bytes instead of the {} of dimension {}", value.size(),
                                  expected, values.size()));
  }
  std::memcpy(&passage_index, value.data(), sizeof(passage_index));
  if (!values.empty()) {
    std::memcpy(values.data(), value.data() + sizeof(passage_index), values.size_bytes());
  }
  return absl::OkStatus();
}

}  // namespace kith::storage

#endif  // KITH_STORAGE_VECTOR_ROW_H_
