#include <algorithm>
#include <cstring>
#include <utility>

#include "index/segment_file.h"
#include "index/segment_header.h"
#include "kith/base/check.h"
#include "kith/base/status_macros.h"
#include "xxhash.h"

namespace kith::index {

absl::Status SegmentFileWriter::Begin(SegmentHeader header) {
  header_ = std::move(header);
  const uint64_t body_bytes = LayOut(header_);
  const std::string bytes = EncodeHeader(header_, body_bytes);
  header_checksum_ = HeaderChecksum(bytes);
  block_.reserve(kBlockBytes);
  checksums_.reserve(BlocksOf(body_bytes));
  return sink_(bytes);
}

absl::Status SegmentFileWriter::Append(std::string_view bytes) {
  static constexpr char kPadding[kSectionAlignment] = {};
  while (!bytes.empty()) {
    KITH_CHECK(section_ < header_.sections.size(), "bytes are appended to a section");
    const SegmentHeader::Section& section = header_.sections[section_];
    if (position_ < section.offset) {
      KITH_RETURN_IF_ERROR(Put({kPadding, section.offset - position_}));
    }
    const uint64_t room = section.offset + section.size - position_;
    const std::string_view part = bytes.substr(0, room);
    KITH_RETURN_IF_ERROR(Put(part));
    bytes.remove_prefix(part.size());
    if (part.size() == room) ++section_;
  }
  return absl::OkStatus();
}

absl::Status SegmentFileWriter::Put(std::string_view bytes) {
  position_ += bytes.size();
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kBlockBytes - block_.size());
    block_ += part;
    bytes.remove_prefix(part.size());
    if (block_.size() == kBlockBytes) KITH_RETURN_IF_ERROR(FlushBlock());
  }
  return absl::OkStatus();
}

absl::Status SegmentFileWriter::FlushBlock() {
  if (block_.empty()) return absl::OkStatus();
  checksums_.push_back(XXH3_64bits(block_.data(), block_.size()));
  KITH_RETURN_IF_ERROR(sink_(block_));
  block_.clear();
  return absl::OkStatus();
}

absl::StatusOr<FileSummary> SegmentFileWriter::Finish() {
  // What is left may be padding before empty sections.
  if (!header_.sections.empty()) {
    const SegmentHeader::Section& last = header_.sections.back();
    for (; section_ < header_.sections.size(); ++section_) {
      KITH_CHECK(header_.sections[section_].size == 0, "all sections are complete");
    }
    KITH_RETURN_IF_ERROR(Put(std::string(last.offset + last.size - position_, '\0')));
  }
  KITH_RETURN_IF_ERROR(FlushBlock());
  const size_t table_bytes = checksums_.size() * sizeof(uint64_t);
  const uint64_t checksum = XXH3_64bits_withSeed(checksums_.data(), table_bytes, header_checksum_);
  checksums_.push_back(checksum);
  KITH_RETURN_IF_ERROR(
      sink_({reinterpret_cast<const char*>(checksums_.data()), table_bytes + sizeof(checksum)}));
  return FileSummary{kHeaderBytes + position_ + table_bytes + sizeof(checksum), checksum};
}

}  // namespace kith::index
