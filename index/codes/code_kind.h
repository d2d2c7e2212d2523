// How the rows of a sealed segment are kept for finding candidates. Beside the codes stand the
// exact rows, so that a kind decides about memory and speed, never about scores.

#ifndef KITH_INDEX_CODES_CODE_KIND_H_
#define KITH_INDEX_CODES_CODE_KIND_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace kith::index {

// Stored in segment files: never renumber.
enum class CodeKind : uint8_t {
  kInt4 = 1,  // 4 bits a component
  kInt8 = 2,  // 8 bits
  kF16 = 3,   // IEEE binary16
  kF32 = 4,   // float32
};

constexpr std::string_view CodeKindName(CodeKind kind) {
  switch (kind) {
    case CodeKind::kInt4:
      return "int4";
    case CodeKind::kInt8:
      return "int8";
    case CodeKind::kF16:
      return "f16";
    case CodeKind::kF32:
      return "f32";
  }
  return "unknown";
}

// Of a number that was stored.
constexpr std::optional<CodeKind> ToCodeKind(uint32_t number) {
  if (number < 1 || number > 4) return std::nullopt;
  return static_cast<CodeKind>(number);
}

}  // namespace kith::index

#endif  // KITH_INDEX_CODES_CODE_KIND_H_
