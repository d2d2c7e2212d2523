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

#include "index/delete_set.h"
#include "index/growing_segment.h"
#include "index/index_options.h"
#include "index/sealed_segment.h"

namespace kith::index {

// A segment as far as a view shows it: its first `visible` rows without the deleted ones. It is a
// growing one or a sealed one.
struct SegmentView {
  std::shared_ptr<const GrowingSegment> growing;  // exactly one of the two is not null
  std::shared_ptr<const SealedSegment> sealed;
  uint32_t visible = 0;  // at least 1; all rows of a sealed one
  DeleteSet deleted;

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
