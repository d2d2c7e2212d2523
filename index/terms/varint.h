// Variable-length numbers: 7 bits a byte, the lowest first, the high bit set on all bytes but the
// last. Internal to index/terms/.

#ifndef KITH_INDEX_TERMS_VARINT_H_
#define KITH_INDEX_TERMS_VARINT_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace kith::index {

inline void PutVarint(std::string& out, uint64_t value) {
  while (value >= 128) {
    out += static_cast<char>(value | 128);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

// Of bytes that were checked before.
inline uint64_t GetVarint(const std::byte*& at) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = std::to_integer<uint64_t>(*at++);
    value |= (byte & 127) << shift;
    if (byte < 128) return value;
  }
}

// Of bytes that may be anything: false if the number does not end before `end` or takes more than
// 63 bits.
inline bool GetVarintUntrusted(const std::byte*& at, const std::byte* end, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 63 && at < end; shift += 7) {
    const auto byte = std::to_integer<uint64_t>(*at++);
    value |= (byte & 127) << shift;
    if (byte < 128) return true;
  }
  return false;
}

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_VARINT_H_
