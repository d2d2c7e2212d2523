// The coding of up to 128 postings. Internal to index/terms/.
//
//   full block    slot bits u8 | tf bits u8 | 128 gaps between slots | 128 tfs, less one each
//   tail          fewer than 128, the last ones of a list: for each posting a varint 2 gap + (tf ==
//   1),
//                 followed by a varint tf if that is not 1
//
// A gap is slot - previous slot - 1. In a full block numbers of b bits are packed into four lanes
// of b 32-bit words each, as four SIMD lanes unpack them without shuffles (Lemire & Boytsov 2015):
// number i goes to lane i % 4, bits (i / 4) b and up; word w of a lane is word 4 w + lane of all.

#ifndef KITH_INDEX_TERMS_POSTING_BLOCK_H_
#define KITH_INDEX_TERMS_POSTING_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace kith::index {

inline constexpr uint32_t kBlockPostings = 128;
inline constexpr uint32_t kMaxTf = 0x7fffffff;

// Appends a full block. `base`: the slot before the first one, plus 1 (0: there is none). REQUIRES:
// kBlockPostings of both; slots ascend from base on; tfs are within 1..kMaxTf.
void EncodeFullBlock(const uint32_t* slots, const uint32_t* tfs, uint32_t base, std::string& out);

// Appends one posting of a tail.
void EncodeTailPosting(uint32_t slot, uint32_t tf, uint32_t base, std::string& out);

// The reverse, for bytes that were checked. `tfs` may be null.
void DecodeFullBlock(const std::byte* bytes, uint32_t base, uint32_t* slots, uint32_t* tfs);
void DecodeTail(const std::byte* bytes, uint32_t base, uint32_t count, uint32_t* slots,
                uint32_t* tfs);
uint32_t FullBlockTf(const std::byte* bytes, uint32_t i);  // of the i-th posting alone

// Decodes a block of `count` postings out of bytes that may be anything. Where it ends; nullptr if
// it does not end within them, if slots do not ascend from base to less than `rows`, or if a tf is
// out of range.
const std::byte* DecodeUntrusted(std::span<const std::byte> bytes, uint32_t base, uint32_t count,
                                 uint32_t rows, uint32_t* slots, uint32_t* tfs);

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_POSTING_BLOCK_H_
