// Bitmaps under construction, as words of 64: those of a run's rows, and those of a segment's
// slots. Internal to index/metadata/.

#ifndef KITH_INDEX_METADATA_BITS_H_
#define KITH_INDEX_METADATA_BITS_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/slot_set.h"

namespace kith::index {

using Bits = std::vector<uint64_t>;

inline Bits NoBits(uint32_t size) { return Bits(SlotSet::WordsFor(size)); }

inline void SetBit(Bits& bits, uint32_t i) { bits[i / 64] |= uint64_t{1} << (i % 64); }
inline void ClearBit(Bits& bits, uint32_t i) { bits[i / 64] &= ~(uint64_t{1} << (i % 64)); }
inline bool HasBit(const Bits& bits, uint32_t i) { return (bits[i / 64] >> (i % 64)) & 1; }

// Calls change(word, mask) for each word that bits [begin, end) lie in.
template <typename Change>
void ForRange(Bits& bits, uint32_t begin, uint32_t end, const Change& change) {
  for (uint32_t at = begin; at < end;) {
    const uint32_t offset = at % 64;
    const uint32_t count = std::min(64 - offset, end - at);
    change(bits[at / 64], (~uint64_t{0} >> (64 - count)) << offset);
    at += count;
  }
}
inline void SetBits(Bits& bits, uint32_t begin, uint32_t end) {
  ForRange(bits, begin, end, [](uint64_t& word, uint64_t mask) { word |= mask; });
}
inline void ClearBits(Bits& bits, uint32_t begin, uint32_t end) {
  ForRange(bits, begin, end, [](uint64_t& word, uint64_t mask) { word &= ~mask; });
}

// All of the first `size` bits the other way round.
inline void FlipBits(Bits& bits, uint32_t size) {
  ForRange(bits, 0, size, [](uint64_t& word, uint64_t mask) { word ^= mask; });
}

template <typename Visit>
void ForEachBit(const Bits& bits, const Visit& visit) {
  for (size_t w = 0; w < bits.size(); ++w) {
    for (uint64_t word = bits[w]; word != 0; word &= word - 1) {
      visit(static_cast<uint32_t>(w * 64) + static_cast<uint32_t>(std::countr_zero(word)));
    }
  }
}

inline bool AnyBit(const Bits& bits) {
  for (const uint64_t word : bits) {
    if (word != 0) return true;
  }
  return false;
}

inline uint32_t CountBits(const Bits& bits) {
  uint32_t count = 0;
  for (const uint64_t word : bits) count += static_cast<uint32_t>(std::popcount(word));
  return count;
}

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_BITS_H_
