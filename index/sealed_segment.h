// SealedSegment: an immutable segment with an HNSW graph. Made on disk by BuildSegment
// (segment_build.h), opened here, held by IndexWriter and by views, searched by Search.
//
// It is these files (docs/formats/segment.md):
//
//   graph  the graph, the codes of the rows in the graph's order, ordinals, passage numbers, and
//   the
//          recall curve. Read whole into anonymous memory (huge pages where they are given), each
//          block verified as it is read: `memory_bytes`, which the memory budget counts.
//   rows   the exact float32 vectors. Mapped, so that the system may drop and read them again as it
//          likes; a block of 64 KiB is verified when it is touched first, and by VerifyAll.
//   terms  where the index has companions: the words of the rows. Read whole, like the graph.
//
// Metadata changes after sealing, and so is an object of its own: see sealed_metadata.h.
//
// What is in a file is not believed before it is checked: sizes, ids and numbers by Open, bytes by
// their checksums. A block of rows that fails its checksum makes the search that touched it fail
// with DATA_LOSS (CORRUPTION, with the file and the range of bytes) and flags the segment.
//
// Thread-safe: immutable but for the flags of what is verified and damaged.

#ifndef KITH_INDEX_SEALED_SEGMENT_H_
#define KITH_INDEX_SEALED_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/codes/code_kind.h"
#include "index/index_options.h"
#include "index/segment_file.h"
#include "index/terms/term_index.h"
#include "kith/base/call.h"

namespace kith::index {

class RecallCurve;

// The files of a segment.
struct SegmentPaths {
  std::string graph;
  std::string rows;
  std::string terms = {};  // only where the index has companions
};

class SealedSegment {
 public:
  // Reads the graph file and the terms, and maps the rows. `options` are those of the index that it
  // will join. Errors:
  //   NOT_FOUND            a file is not there
  //   FAILED_PRECONDITION  FORMAT_VERSION: another version of Kith wrote it, or its terms are of
  //                        another analyser than options.analyser
  //   DATA_LOSS            CORRUPTION: torn, damaged, of another index, or not of one build
  //   RESOURCE_EXHAUSTED   MEMORY_BUDGET: the system gives no memory
  // or the call's status. In each of them the range can be rebuilt from storage.
  static absl::StatusOr<std::shared_ptr<const SealedSegment>> Open(const IndexOptions& options,
                                                                   const SegmentPaths& paths,
                                                                   const Call& call);
  ~SealedSegment();
  SealedSegment(const SealedSegment&) = delete;
  SealedSegment& operator=(const SealedSegment&) = delete;

  // As when it was sealed; deletes since then are kept beside it (SegmentView::deleted).
  uint32_t rows() const;  // at least 1
  // The ordinals that it answers for, whether or not they have rows.
  OrdinalRange range() const;

  // A row's slot is its position in order of ordinals. REQUIRES: slot < rows().
  uint64_t Ordinal(uint32_t slot) const;
  uint32_t PassageIndex(uint32_t slot) const;
  // The first slot whose ordinal is not less than `ordinal`, or rows().
  uint32_t LowerBound(uint64_t ordinal) const;

  // The words of the rows; null where the index has no companions.
  const TermIndex* terms() const;

  // Anonymous memory held; the mapped rows are not in it.
  size_t memory_bytes() const;
  const SegmentPaths& paths() const;
  FileSummary graph_file() const;
  FileSummary rows_file() const;
  FileSummary terms_file() const;  // nothing where the index has no companions

  CodeKind codes() const;
  // Measured when it was sealed, over its own rows.
  const RecallCurve& curve() const;

  // A search or a scrub found a damaged block of rows: the segment has to be rebuilt.
  bool damaged() const;

  // Reads and verifies all files again, as a scrub does. The first damage as DATA_LOSS
  // (CORRUPTION); sets damaged().
  absl::Status VerifyAll(const Call& call) const;

  // For the rest of index/.
  struct Parts;
  const Parts& parts() const { return *parts_; }

 private:
  explicit SealedSegment(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_SEALED_SEGMENT_H_
