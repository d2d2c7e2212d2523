// ByteTrie: an immutable map from byte strings to ids, made for longest-prefix search. WordPiece
// keeps its vocabulary in two of them, the added tokens theirs in a third.
//
// Layout: nodes in breadth-first order, so that the children of a node lie side by side, sorted by
// their byte, and a node holds just the number of the first one and which bytes there are:
//
//   up to 8 children   the bytes themselves in one word, compared all at once
//   more               a bitmap of 256 bits; a child's place is the number of bits below its own
//
// 16 bytes a node, whatever the keys are (a double array would be a little faster, but hostile keys
// make it as large as 256 entries a node). A vocabulary of 30,000 words takes 1.3 MB.
//
// Thread-safety: immutable after construction.

#ifndef KITH_ENCODER_BYTE_TRIE_H_
#define KITH_ENCODER_BYTE_TRIE_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace kith::encoder {

class ByteTrie {
 public:
  static constexpr int32_t kNone = -1;
  static constexpr uint32_t kRoot = 0;

  // Empty keys are left out (they match nowhere).
  // REQUIRES: values are >= 0; keys are distinct and hold fewer than 2^30 bytes together.
  explicit ByteTrie(std::vector<std::pair<std::string_view, int32_t>> keys);

  // Moves `*node` along `byte`; false (and no move) where no key goes on like that.
  bool Step(uint32_t* node, unsigned char byte) const {
    const Node& from = nodes_[*node];
    if ((from.first_child & kManyChildren) != 0) [[unlikely]] {
      return StepThroughBitmap(from, node, byte);
    }
    // The lowest zero byte of `difference`, if any, is marked exactly by this formula.
    const uint64_t difference = from.children ^ kLowBits * byte;
    const uint64_t zero = (difference - kLowBits) & ~difference & kHighBits;
    const uint32_t place = zero == 0 ? 8 : static_cast<uint32_t>(std::countr_zero(zero)) / 8;
    // Unused places repeat the first byte: found there, it is found at its own place before.
    if (place == 8 || from.first_child == 0) return false;
    *node = from.first_child + place;
    return true;
  }

  // The value of the key that ends at `node`, or kNone.
  int32_t value(uint32_t node) const { return nodes_[node].value; }

 private:
  using Bitmap = std::array<uint64_t, 4>;

  struct Node {
    uint32_t first_child = 0;  // 0: none (the root is nobody's child); kManyChildren: see below
    int32_t value = kNone;
    uint64_t children = 0;  // the bytes, or the number of the bitmap
  };

  static constexpr uint32_t kManyChildren = 0x80000000;
  static constexpr size_t kFewChildren = 8;
  static constexpr uint64_t kLowBits = 0x0101010101010101;
  static constexpr uint64_t kHighBits = 0x8080808080808080;

  bool StepThroughBitmap(const Node& from, uint32_t* node, unsigned char byte) const {
    const Bitmap& bits = bitmaps_[from.children];
    const size_t word = byte / 64;
    const uint64_t bit = uint64_t{1} << byte % 64;
    if ((bits[word] & bit) == 0) return false;
    int place = std::popcount(bits[word] & (bit - 1));
    for (size_t i = 0; i < word; ++i) place += std::popcount(bits[i]);
    *node = (from.first_child & ~kManyChildren) + static_cast<uint32_t>(place);
    return true;
  }

  void SetChildren(uint32_t node, uint32_t first_child, const std::vector<unsigned char>& bytes);

  // Constant after construction.
  std::vector<Node> nodes_;
  std::vector<Bitmap> bitmaps_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_BYTE_TRIE_H_
