// Impacts: what bounds the BM25 score that a term gives to any row of a block, whatever the
// statistics of the corpus are when the query comes. Internal to index/terms/.
//
// A score rises with tf and falls with the length of the row. Of the (tf, length) pairs of a block
// only those matter that no other one beats in both. If there are more than kImpactPairs of them,
// neighbours are joined (the greater tf, the smaller length) where that loosens the bound least.
// Each is kept as two bytes:
//
//   tf      as it is; 255 stands for 255 and more, however many
//   length  rounded down: as it is below 128, beyond in steps of a sixteenth

#ifndef KITH_INDEX_TERMS_IMPACTS_H_
#define KITH_INDEX_TERMS_IMPACTS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace kith::index {

inline constexpr size_t kImpactPairs = 4;
inline constexpr size_t kImpactBytes = 2 * kImpactPairs;

constexpr uint8_t ImpactTfCode(uint32_t tf) { return static_cast<uint8_t>(tf < 255 ? tf : 255); }

// The greatest tf that a code stands for.
constexpr double ImpactTf(uint8_t code) {
  return code < 255 ? code : static_cast<double>(std::numeric_limits<uint32_t>::max());
}

// The least length that a code stands for.
constexpr uint32_t ImpactLength(uint8_t code) {
  if (code < 128) return code;
  return (16u + (code - 128u) % 16) << ((code - 128u) / 16 + 3);
}

constexpr uint8_t ImpactLengthCode(uint32_t length) {
  if (length < 128) return static_cast<uint8_t>(length);
  uint32_t shift = 3;
  while (length >> shift >= 32 && shift < 10) ++shift;
  const uint32_t steps = length >> shift;
  return static_cast<uint8_t>(128 + 16 * (shift - 3) + (steps < 31 ? steps : 31) - 16);
}

// Collects the pairs of a block.
class ImpactCollector {
 public:
  void Add(uint32_t tf, uint32_t length);
  void Add(const ImpactCollector& other);

  // Appends kImpactBytes bytes: tf, length, tf, length, ... by falling tf; the last pair is
  // repeated if there are fewer. REQUIRES: something was added.
  void AppendTo(std::string& out) const;
  void Clear() { front_.clear(); }

 private:
  struct Pair {
    uint8_t tf;
    uint8_t length;
  };
  void Add(Pair pair);

  std::vector<Pair> front_;  // both members fall strictly
};

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_IMPACTS_H_
