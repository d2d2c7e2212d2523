// The coding of up to 128 postings. Internal to index/terms/.
//
//   full block    slot bits u8 | tf bits u8 | 128 gaps between slots | 128 tfs, less one each
//   the last one  of a list, with fewer: for each posting a varint 2 gap + (tf == 1), followed by a
//                 varint tf - 2 if tf > 1
//
// A gap is slot - previous slot - 1. In a full block numbers of b bits are packed into four lanes
// of b 32-bit words each, as four SIMD lanes unpack them without shuffles (Lemire & Boytsov 2015):
// number i goes to lane i % 4, bits (i / 4) b and up; word w of the lane is word 4 w + i % 4 of
// all.

#ifndef KITH_INDEX_TERMS_POSTING_BLOCK_H_
#define KITH_INDEX_TERMS_POSTING_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace kith::index {

inline constexpr uint32_t kBlockPostings = 128;

// The bytes of 128 numbers of so many bits, 0..32.
constexpr size_t PackedBytes(uint32_t bits) { return size_t{16} * bits; }

// Appends a block. `base`: the slot before the first one, plus 1 (0: there is none). REQUIRES:
// slots ascend from base on, tfs are at least 1, both are of one size, 1..kBlockPostings.
void EncodeBlock(std::span<const uint32_t> slots, std::span<const uint32_t> tfs, uint32_t base,
                 std::string& out);

// The reverse, of the bytes that EncodeBlock gave. `tfs` may be null.
void DecodeFullBlock(const std::byte* bytes, uint32_t base, uint32_t* slots, uint32_t* tfs);
void DecodeTail(const std::byte* bytes, uint32_t base, uint32_t count, uint32_t* slots,
                uint32_t* tfs);
uint32_t FullBlockTf(const std::byte* bytes, uint32_t i);

// As the two above for bytes that may be anything; nullptr if a block does not end within them, or
// a slot is not below `rows`. Returns where the block ends.
const std::byte* DecodeUntrusted(std::span<const std::byte> bytes, uint32_t base, uint32_t count,
                                 uint32_t rows, uint32_t* slots, uint32_t* tfs);

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_POSTING_BLOCK_H_
