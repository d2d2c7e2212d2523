// The layout of a TermIndex's image, for those who write and read it. Internal to index/terms/;
// docs/formats/terms.md is the drawing.

#ifndef KITH_INDEX_TERMS_TERM_IMAGE_H_
#define KITH_INDEX_TERMS_TERM_IMAGE_H_

#include <bit>
#include <cstddef>
#include <cstdint>

namespace kith::index::term_image {

static_assert(std::endian::native == std::endian::little, "numbers are stored as they are");

inline constexpr uint64_t kMagic = 0x4d5245544854494b;  // "KITHTERM"
inline constexpr uint32_t kVersion = 1;

struct Header {
  uint64_t magic = kMagic;
  uint32_t version = kVersion;
  uint32_t rows = 0;
  uint32_t terms = 0;
  uint32_t analyser_bytes = 0;
  uint64_t total_length = 0;
  uint64_t dictionary_bytes = 0;
  uint64_t postings_bytes = 0;
  uint64_t size_bytes = 0;  // of the image, the checksum included
  uint64_t reserved = 0;
};
static_assert(sizeof(Header) == 64);

// After the header: analyser | lengths | dictionary index | dictionary | postings | checksum.

// Terms stand in blocks of so many, of which the first one is spelled out.
inline constexpr uint32_t kBlockTerms = 16;

// One a block of terms.
struct IndexEntry {
  uint64_t dictionary_offset;
  uint64_t postings_offset;  // of the first term's list
};
static_assert(sizeof(IndexEntry) == 16);

inline constexpr size_t kChecksumBytes = 8;  // XXH3-64 of all bytes before

constexpr uint32_t TermBlocks(uint32_t terms) {
  return terms / kBlockTerms + (terms % kBlockTerms != 0 ? 1 : 0);
}

}  // namespace kith::index::term_image

#endif  // KITH_INDEX_TERMS_TERM_IMAGE_H_
