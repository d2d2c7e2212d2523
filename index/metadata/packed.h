// Packed: numbers of 0, 1, 2, 4 or 8 bytes each, whatever the greatest needs, read in place.
// Internal to index/metadata/.

#ifndef KITH_INDEX_METADATA_PACKED_H_
#define KITH_INDEX_METADATA_PACKED_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace kith::index {

template <typename T>
T LoadAt(const std::byte* base, size_t index) {
  T value;
  std::memcpy(&value, base + index * sizeof(T), sizeof(T));
  return value;
}

class Packed {
 public:
  Packed() = default;
  Packed(const std::byte* bytes, uint8_t width) : bytes_(bytes), width_(width) {}

  uint64_t operator[](size_t index) const {
    switch (width_) {
      case 0:
        return 0;
      case 1:
        return LoadAt<uint8_t>(bytes_, index);
      case 2:
        return LoadAt<uint16_t>(bytes_, index);
      case 4:
        return LoadAt<uint32_t>(bytes_, index);
      default:
        return LoadAt<uint64_t>(bytes_, index);
    }
  }

  const std::byte* bytes() const { return bytes_; }
  uint8_t width() const { return width_; }

  static constexpr bool IsWidth(uint8_t width) {
    return width == 0 || width == 1 || width == 2 || width == 4 || width == 8;
  }
  static constexpr uint8_t WidthFor(uint64_t greatest) {
    return greatest == 0         ? 0
           : greatest < 1u << 8  ? 1
           : greatest < 1u << 16 ? 2
           : greatest >> 32 == 0 ? 4
                                 : 8;
  }

 private:
  const std::byte* bytes_ = nullptr;
  uint8_t width_ = 0;
};

template <typename T>
void PutPacked(std::string& out, std::span<const T> values, uint8_t width) {
  size_t at = out.size();
  out.resize(at + values.size() * width);
  // Little-endian: the low bytes come first.
  for (const T value : values) {
    const uint64_t wide = value;
    std::memcpy(out.data() + at, &wide, width);
    at += width;
  }
}

template <typename T>
void PutRaw(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_PACKED_H_
