// IndexView: the rows of one vector space as they were at one Publish. What a search runs on; part
// of the engine's View.
//
// Immutable and cheap to copy (one reference count). It keeps alive what it shows: rows that were
// deleted since, and segments that the writer dropped. Thread-safe.

#ifndef KITH_INDEX_INDEX_VIEW_H_
#define KITH_INDEX_INDEX_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "index/delete_set.h"
#include "index/growing_segment.h"
#include "index/index_options.h"
#include "index/metadata/metadata_runs.h"
#include "index/sealed_metadata.h"
#include "index/sealed_segment.h"
#include "index/terms/growing_terms.h"
#include "index/terms/term_search.h"
#include "kith/base/call.h"

namespace kith::index {

// A segment as far as a view shows it: its first `visible` rows without the deleted ones. It is a
// growing one or a sealed one. Vectors, terms and metadata have the same slots.
struct SegmentView {
  std::shared_ptr<const GrowingSegment> growing;  // exactly one of the two is not null
  std::shared_ptr<const SealedSegment> sealed;
  uint32_t visible = 0;  // at least 1; all rows of a sealed one
  DeleteSet deleted;

  // The companions. Without IndexOptions::companions there are none.
  MetadataRuns metadata;                                // covers all visible slots
  std::shared_ptr<const SealedMetadata> metadata_file;  // of a sealed one: metadata's base
  std::shared_ptr<const GrowingTerms> growing_terms;    // of a growing one; sealed has its own

  // Where to look for words; who searches says which rows it allows. REQUIRES: companions.
  TermSource terms() const;

  // A sealed one: a file turned out damaged, all has to be made anew.
  bool damaged() const;
  // A sealed one: reads and verifies all its files again, as a scrub does. The first damage.
  absl::Status VerifyAll(const Call& call) const;

  uint64_t Ordinal(uint32_t slot) const;
  uint32_t PassageIndex(uint32_t slot) const;
  // The first slot whose ordinal is not less than `ordinal`, or `visible`.
  uint32_t LowerBound(uint64_t ordinal) const;
  uint64_t first_ordinal() const { return Ordinal(0); }
  uint64_t last_ordinal() const { return Ordinal(visible - 1); }
  uint32_t live_rows() const { return visible - deleted.count(); }
};

// Where a row is: view.segments()[segment], and its slot there.
struct RowPlace {
  uint32_t segment = 0;
  uint32_t slot = 0;
};

class IndexView {
 public:
  // Made by IndexWriter::Publish; segments in ascending order of ordinals. `memory_bytes` is what
  // they take, with the room reserved in them.
  IndexView(const IndexOptions& options, std::vector<SegmentView> segments, size_t memory_bytes);

  const IndexOptions& options() const { return state_->options; }
  std::span<const SegmentView> segments() const { return state_->segments; }
  uint64_t live_rows() const { return state_->live_rows; }
  size_t memory_bytes() const { return state_->memory_bytes; }

  // The row of that ordinal, if it is here and not deleted. Two binary searches.
  std::optional<RowPlace> Find(uint64_t ordinal) const;

 private:
  struct State {
    IndexOptions options;
    std::vector<SegmentView> segments;
    uint64_t live_rows = 0;
    size_t memory_bytes = 0;
  };

  std::shared_ptr<const State> state_;  // never null
};

}  // namespace kith::index

#endif  // KITH_INDEX_INDEX_VIEW_H_
