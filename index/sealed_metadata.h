// SealedMetadata: the metadata of a sealed segment as a file has it, one generation of it. What was
// updated since lies over it in SegmentView::metadata, until a fold (segment_build.h) writes the
// next generation. Opened by the engine, held by IndexWriter and by views.
//
// The file is read whole into anonymous memory, verified, and checked before it is believed.
//
// Thread-safe: immutable but for the flag of damage.

#ifndef KITH_INDEX_SEALED_METADATA_H_
#define KITH_INDEX_SEALED_METADATA_H_

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/index_options.h"
#include "index/metadata/metadata_runs.h"
#include "index/sealed_segment.h"
#include "index/segment_file.h"
#include "kith/base/call.h"

namespace kith::index {

class CompanionFile;

class SealedMetadata {
 public:
  // The metadata of `segment`. Errors as of SealedSegment::Open: in each of them all of the segment
  // is to be made anew from storage.
  static absl::StatusOr<std::shared_ptr<const SealedMetadata>> Open(const IndexOptions& options,
                                                                    const SealedSegment& segment,
                                                                    const std::string& path,
                                                                    const Call& call);

  // Covers all slots of the segment.
  const MetadataRuns::Run& run() const { return run_; }

  const std::string& path() const;
  FileSummary file() const;

  // A scrub found the file damaged.
  bool damaged() const { return damaged_.load(std::memory_order_relaxed); }

  // Reads and verifies the file again, as a scrub does. DATA_LOSS (CORRUPTION) or NOT_FOUND; sets
  // damaged().
  absl::Status VerifyAll(const Call& call) const;

 private:
  SealedMetadata(std::shared_ptr<const CompanionFile> file, MetadataRuns::Run run);

  const std::shared_ptr<const CompanionFile> file_;
  const MetadataRuns::Run run_;  // in file_'s memory
  // Relaxed: publishes nothing but itself.
  mutable std::atomic<bool> damaged_{false};
};

}  // namespace kith::index

#endif  // KITH_INDEX_SEALED_METADATA_H_
