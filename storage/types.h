// The numbers that name things in the store, and the limits that every row is checked against.

#ifndef KITH_STORAGE_TYPES_H_
#define KITH_STORAGE_TYPES_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace kith::storage {

using CollectionNumber = uint32_t;  // never given twice in a data folder
using ShardNumber = uint32_t;       // never given twice in a data folder
using SpaceNumber = uint16_t;       // of a vector space, within its collection
using Ordinal = uint64_t;           // of a passage, within a shard and space; grows, may have holes
using Sequence = uint64_t;          // of a commit, within its shard; the first is 1
using TextId = uint64_t;            // of a text, within its shard; the first is 1, 0 means "none"
using Uuid = std::array<uint8_t, 16>;

// A text is stored in blocks of this many bytes, so that reading a passage never reads a megabyte.
inline constexpr size_t kTextBlockBytes = 32 * 1024;

// What a row may hold at most. The API's own limits are lower or equal: these catch a bug of ours
// before it is written, and damage when it is read back.
inline constexpr size_t kDocumentIdBytesMax = 512;
inline constexpr size_t kRequestIdBytesMax = 512;
inline constexpr size_t kOperationIdBytesMax = 128;
inline constexpr size_t kDimensionMax = 65'535;

// A segment's slots are numbered by 32 bits, and so are its ordinals from its first.
inline constexpr uint64_t kSegmentSpanMax = UINT32_MAX;

// When Store::Commit returns OK.
enum class Durability {
  kSynced,   // the batch survives the death of the process and the loss of power
  kApplied,  // the batch survives the death of the process; power loss may take it, and whatever
             // was applied after it, but never a part of it, nor anything before it
};

}  // namespace kith::storage

#endif  // KITH_STORAGE_TYPES_H_
