// MetadataRuns: the metadata of one segment, as a list of immutable runs, oldest first. For a slot
// the newest run that covers it says everything: it holds whole rows, not single fields. Rows that
// are appended and rows whose metadata is updated are the same: one more run.
//
//   sealed:   [base: all slots, from the file] [update] [update] ...
//   growing:  [append] [append] [update] [append] ...
//
// Runs that are of like size are merged as they come, the newest first, so that there are O(log n)
// of them, each at least twice as large as the next. The base of a sealed segment is never merged:
// a fold makes the base of the next generation (fold_metadata.h).
//
// An immutable value, cheap to copy (one reference count): part of a SegmentView. Thread-safe.

#ifndef KITH_INDEX_METADATA_METADATA_RUNS_H_
#define KITH_INDEX_METADATA_METADATA_RUNS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "index/metadata/metadata_index.h"
#include "index/slot_set.h"

namespace kith::index {

class MetadataRuns {
 public:
  using Run = std::shared_ptr<const MetadataIndex>;

  // Of a growing segment without rows. A slot that no run covers has no fields and is no head.
  MetadataRuns() = default;

  // Of a sealed segment. REQUIRES: the base covers all of its slots.
  explicit MetadataRuns(Run base);

  // With one more run, the newest. Merges: a row is built again O(log n) times, in all; runs over
  // 8 MiB are left alone. REQUIRES: run != nullptr.
  MetadataRuns With(Run run) const;

  // Oldest first; runs()[0] is the base if has_base().
  std::span<const Run> runs() const;
  bool has_base() const { return state_ != nullptr && state_->has_base; }

  // The runs that were put over the base; all of them without one.
  std::span<const Run> overlay() const { return runs().subspan(has_base() ? 1 : 0); }
  // The rows of the overlay: at least as many as slots that it covers.
  uint64_t overlay_rows() const;

  // What says everything about the slot; nullopt if no run covers it. A step a run, newest first.
  struct Place {
    const MetadataIndex* run;
    uint32_t row;
  };
  std::optional<Place> Find(uint32_t slot) const;

  // The slot's row, as it was written; without fields if no run covers it.
  MetadataRow Row(uint32_t slot) const;

  // Names what the slot's metadata is: the stamp of the newest run that covers it. It may rise
  // without a change when runs are merged, and never stays when the metadata changes.
  uint64_t StampOf(uint32_t slot) const;

  // Slots below `visible` that are the first passage of their document. O(visible / 64) words.
  SlotSet Heads(uint32_t visible) const;

  size_t memory_bytes() const;  // of all runs

 private:
  struct State {
    bool has_base = false;
    std::vector<Run> runs;
  };

  std::shared_ptr<const State> state_;  // null: no runs
};

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_METADATA_RUNS_H_
