// The header page of a segment file, to bytes and back. Internal to index/.

#ifndef KITH_INDEX_SEGMENT_HEADER_H_
#define KITH_INDEX_SEGMENT_HEADER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "index/segment_file.h"

namespace kith::index {

inline constexpr size_t kSectionAlignment = 64;

// A body's bytes by its sections, which this puts into their places.
uint64_t LayOut(SegmentHeader& header);

// kHeaderBytes of them. REQUIRES: laid out.
std::string EncodeHeader(const SegmentHeader& header, uint64_t body_bytes);

struct DecodedHeader {
  SegmentHeader header;
  uint64_t body_bytes = 0;
};

// Believes nothing: DATA_LOSS (CORRUPTION) or FAILED_PRECONDITION (FORMAT_VERSION). REQUIRES:
// kHeaderBytes bytes. `path` is for messages.
absl::StatusOr<DecodedHeader> DecodeHeader(std::string_view bytes, const std::string& path);

// What seeds the checksum over the block checksums, so that it stands for the header, too.
uint64_t HeaderChecksum(std::string_view bytes);

// The bytes of a file with such a body.
constexpr uint64_t BlocksOf(uint64_t body_bytes) {
  return (body_bytes + kBlockBytes - 1) / kBlockBytes;
}
constexpr uint64_t FileBytesOf(uint64_t body_bytes) {
  return kHeaderBytes + body_bytes + (BlocksOf(body_bytes) + 1) * sizeof(uint64_t);
}

}  // namespace kith::index

#endif  // KITH_INDEX_SEGMENT_HEADER_H_
