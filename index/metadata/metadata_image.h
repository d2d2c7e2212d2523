// The layout of a MetadataIndex's image, for those who write and read it. Internal to
// index/metadata/; docs/formats/metadata.md is the drawing.

#ifndef KITH_INDEX_METADATA_METADATA_IMAGE_H_
#define KITH_INDEX_METADATA_METADATA_IMAGE_H_

#include <bit>
#include <cstddef>
#include <cstdint>

namespace kith::index::metadata_image {

static_assert(std::endian::native == std::endian::little, "numbers are stored as they are");

inline constexpr uint64_t kMagic = 0x4154454d4854494b;  // "KITHMETA"
inline constexpr uint32_t kVersion = 1;

struct Header {
  uint64_t magic = kMagic;
  uint32_t version = kVersion;
  uint32_t rows = 0;
  uint32_t first_slot = 0;
  uint32_t columns = 0;
  uint64_t stamp = 0;
  uint64_t size_bytes = 0;    // of the image, the checksum included
  uint32_t slots_listed = 0;  // 1: slots are listed; 0: they are first_slot, first_slot + 1, ...
  uint32_t heads = 0;         // how many
  uint32_t heads_form = 0;    // RowSet::Form
  uint32_t reserved_low = 0;
  uint64_t reserved_high = 0;
};
static_assert(sizeof(Header) == 64);

// After the header: columns | slots, [rows] u32 if they are listed | heads | data of the columns |
// checksum.

struct Column {
  uint64_t dictionary_bytes = 0;  // of all keywords; 0 for other types
  uint64_t pairs = 0;             // of a row and one of its values
  uint64_t listed = 0;            // of these, in lists of rows
  uint64_t bitmap_bytes = 0;
  uint32_t name_bytes = 0;
  uint32_t values = 0;   // different ones
  uint32_t present = 0;  // rows that have the field
  uint32_t bitmaps = 0;  // values whose rows are a bitmap
  uint8_t type = 0;      // FieldType
  uint8_t present_form = 0;
  uint8_t has_postings = 0;
  uint8_t dictionary_width = 0;  // of the ends of keywords
  uint8_t id_width = 0;
  uint8_t row_end_width = 0;   // of the ends of rows' ids, in a column of lists
  uint8_t list_end_width = 0;  // of the ends of values' lists
  uint8_t reserved = 0;
  uint64_t data_bytes = 0;  // all of the column's data
};
static_assert(sizeof(Column) == 64);

// The data of a column: name | dictionary | present | row ends | ids | list ends | lists | bitmaps'
// entries | bitmaps.

struct BitmapEntry {
  uint32_t value = 0;  // its id
  uint32_t rows = 0;
  uint64_t end = 0;  // in the bytes of the bitmaps; it begins where the one before ends
};
static_assert(sizeof(BitmapEntry) == 16);

inline constexpr size_t kChecksumBytes = 8;  // XXH3-64 of all bytes before

// A column of fewer pairs has no postings: its ids are looked through as fast, and a run that is
// merged soon is made sooner.
inline constexpr uint64_t kPostedPairs = 4096;

// Values of fewer rows are not tried as a bitmap.
inline constexpr uint32_t kBitmapRows = 256;

}  // namespace kith::index::metadata_image

#endif  // KITH_INDEX_METADATA_METADATA_IMAGE_H_
