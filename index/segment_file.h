// The frame that all files of a sealed segment have: a header, sections, and a checksum for every
// 64 KiB (docs/formats/segment.md has the bytes):
//
//   header, one page | body: sections, each at a multiple of 64 | XXH3 of each block | XXH3 of
//   those
//
// SegmentFileWriter writes it through a sink, front to back, and SegmentFile opens it: after Open,
// sizes and sections are known to fit; the bytes of a block are checked when they are read.

#ifndef KITH_INDEX_SEGMENT_FILE_H_
#define KITH_INDEX_SEGMENT_FILE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/index_options.h"
#include "kith/base/call.h"
#include "kith/base/error.h"

namespace kith::index {

// Where the bytes of a file go, in order; an error ends the writing with it.
using ByteSink = std::function<absl::Status(std::string_view)>;

// What a finished file is known by. The checksum is one over the header and over the checksums of
// all blocks: it names the content.
struct FileSummary {
  uint64_t size_bytes = 0;
  uint64_t checksum = 0;

  friend bool operator==(const FileSummary&, const FileSummary&) = default;
};

// Stored: never renumber.
enum class SegmentFileKind : uint32_t { kGraph = 1, kRows = 2, kTerms = 3, kMetadata = 4 };
enum class SectionKind : uint32_t {
  kCodeBook = 1,
  kCodes = 2,
  kGraph = 3,
  kOrdinals = 4,
  kPassages = 5,
  kRecall = 6,
  kExactRows = 7,
  kTermImage = 8,
  kMetadataImage = 9,
  kSketchBook = 10,
  kSketches = 11,
};

struct SegmentHeader {
  struct Section {
    SectionKind kind;
    uint64_t offset = 0;  // in the body; the writer sets it
    uint64_t size = 0;
  };

  SegmentFileKind kind = SegmentFileKind::kGraph;
  Metric metric = Metric::kCosine;
  uint32_t dimension = 0;
  uint32_t rows = 0;
  OrdinalRange range;
  uint64_t rows_checksum = 0;  // the summary's checksum of the rows file; 0 in that file itself
  std::vector<Section> sections;
};

inline constexpr size_t kBlockBytes = size_t{64} << 10;
inline constexpr size_t kHeaderBytes = 4096;
inline constexpr size_t kMaxSections = 32;

// DATA_LOSS (CORRUPTION) about bytes [begin, end) of a file.
ErrorBuilder FileDamage(const std::string& path, uint64_t begin, uint64_t end,
                        const std::string& what);

class SegmentFileWriter {
 public:
  // `sink` must outlive the writer.
  explicit SegmentFileWriter(const ByteSink& sink) : sink_(sink) {}

  // Sections lie in the file in the order given. REQUIRES: all sizes are known.
  absl::Status Begin(SegmentHeader header);
  // The bytes of the sections, in any portions; a section begins where the one before is complete.
  absl::Status Append(std::string_view bytes);
  // REQUIRES: all sections are complete.
  absl::StatusOr<FileSummary> Finish();

 private:
  absl::Status Put(std::string_view bytes);  // into the body, in blocks
  absl::Status FlushBlock();

  const ByteSink& sink_;
  SegmentHeader header_;
  uint64_t header_checksum_ = 0;
  size_t section_ = 0;     // under way
  uint64_t position_ = 0;  // in the body
  std::string block_;
  std::vector<uint64_t> checksums_;
};

// An open file: not thread-safe to open and close, thread-safe to read.
class SegmentFile {
 public:
  // NOT_FOUND, FAILED_PRECONDITION (FORMAT_VERSION), DATA_LOSS (CORRUPTION), or INTERNAL
  // (STORAGE_ERROR) when the system does not let it be read.
  static absl::StatusOr<SegmentFile> Open(const std::string& path, SegmentFileKind kind);

  SegmentFile(SegmentFile&& other) noexcept;
  SegmentFile& operator=(SegmentFile&& other) noexcept;
  ~SegmentFile();

  const std::string& path() const { return path_; }
  const SegmentHeader& header() const { return header_; }
  FileSummary summary() const { return summary_; }
  uint64_t body_bytes() const { return body_bytes_; }
  int fd() const { return fd_; }

  // The section of that kind, or nullptr.
  const SegmentHeader::Section* Find(SectionKind kind) const;

  size_t blocks() const { return checksums_.size(); }
  size_t memory_bytes() const { return checksums_.capacity() * sizeof(checksums_[0]); }
  // Reads block `block` of the body and checks it. REQUIRES: room for all bytes of it, and no more.
  absl::Status ReadBlock(size_t block, std::span<std::byte> into) const;

  // Reads the body and checks every block. `into` has body_bytes(), or is empty: then the bytes are
  // checked and forgotten.
  absl::Status ReadBody(std::span<std::byte> into, const Call& call) const;

 private:
  SegmentFile() = default;
  absl::Status ReadHeader(SegmentFileKind kind);
  absl::Status CheckBlock(size_t block, std::span<const std::byte> bytes) const;
  absl::Status ReadAt(uint64_t offset, std::span<std::byte> into) const;

  std::string path_;
  int fd_ = -1;
  SegmentHeader header_;
  FileSummary summary_;
  uint64_t body_bytes_ = 0;
  std::vector<uint64_t> checksums_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_SEGMENT_FILE_H_
