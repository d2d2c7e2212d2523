// Companions: what a sealed segment has beside its vectors, terms and metadata, each an image in a
// file of its own. The frame is that of all segment files; the header names the rows file that the
// companion belongs to. Internal to index/.

#ifndef KITH_INDEX_COMPANION_FILE_H_
#define KITH_INDEX_COMPANION_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/huge_memory.h"
#include "index/index_options.h"
#include "index/segment_file.h"
#include "kith/base/call.h"

namespace kith::index {

// Whose companion it is.
struct CompanionOf {
  Metric metric = Metric::kCosine;
  uint32_t dimension = 0;
  uint32_t rows = 0;
  OrdinalRange range;
  uint64_t rows_checksum = 0;  // of the rows file's summary
};

// `kind` is kTerms or kMetadata.
absl::StatusOr<FileSummary> WriteCompanion(SegmentFileKind kind, const CompanionOf& of,
                                           std::string_view image, const ByteSink& sink,
                                           const Call& call);

// A companion in anonymous memory, every block of it verified. What the image says is for its
// reader to check. Movable; the image stays where it is.
class CompanionFile {
 public:
  CompanionFile() = default;

  // NOT_FOUND, FAILED_PRECONDITION (FORMAT_VERSION), DATA_LOSS (CORRUPTION) also when it belongs to
  // other rows than `of`, RESOURCE_EXHAUSTED (MEMORY_BUDGET), or the call's status.
  static absl::StatusOr<CompanionFile> Read(const std::string& path, SegmentFileKind kind,
                                            const CompanionOf& of, const Call& call);

  std::span<const std::byte> image() const { return memory_.bytes(); }
  const std::string& path() const { return path_; }
  FileSummary summary() const { return summary_; }
  size_t memory_bytes() const { return memory_.size_bytes(); }

  // `status`, which the image's reader gave, with the file and the bytes that it is about.
  absl::Status InImage(const absl::Status& status) const;

  // Reads the file again, as a scrub does. DATA_LOSS (CORRUPTION) when it is damaged, or another
  // file by now; NOT_FOUND.
  absl::Status Verify(const Call& call) const;

 private:
  std::string path_;
  SegmentFileKind kind_ = SegmentFileKind::kTerms;
  FileSummary summary_;
  HugeMemory memory_;
};

// Whether a file that was there must be made anew, by what reading it again said.
inline bool IsDamage(const absl::Status& status) {
  return status.code() == absl::StatusCode::kDataLoss ||
         status.code() == absl::StatusCode::kNotFound;
}

}  // namespace kith::index

#endif  // KITH_INDEX_COMPANION_FILE_H_
