// SegmentMetadata: the metadata of one segment as its writer has it: runs, and rows that came since
// and are in none yet. Internal to index/.
//
// Not thread-safe; the runs that it gives are.

#ifndef KITH_INDEX_SEGMENT_METADATA_H_
#define KITH_INDEX_SEGMENT_METADATA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "index/metadata/fold_metadata.h"
#include "index/metadata/metadata_row.h"
#include "index/metadata/metadata_runs.h"

namespace kith::index {

class SegmentMetadata {
 public:
  SegmentMetadata() = default;
  // Of a sealed segment.
  explicit SegmentMetadata(MetadataRuns::Run base) : runs_(std::move(base)) {}

  // What the slot has from now on. `stamp`: the sequence of the update, 0 for a new row. REQUIRES:
  // `row` is not null and does not change.
  void Put(uint32_t slot, bool head, std::shared_ptr<const MetadataRow> row, uint64_t stamp);

  // Makes a run of what was Put since the last time.
  void Flush();

  // Takes over what `from` has beyond `captured`, an earlier state of the same segment, with its
  // slots renamed. Doing so twice does no harm: a run holds, for a slot, the newest of its time.
  // REQUIRES: both are flushed.
  void CarryOver(const SegmentMetadata& from, const MetadataRuns& captured,
                 const RenameSlot& rename);

  // REQUIRES: flushed.
  const MetadataRuns& runs() const { return runs_; }
  size_t memory_bytes() const { return runs_.memory_bytes(); }

 private:
  struct Pending {
    uint32_t slot;
    bool head;
    std::shared_ptr<const MetadataRow> row;
  };

  MetadataRuns runs_;
  std::vector<Pending> pending_;  // a slot may be here twice: the later one counts
  bool ascending_ = true;         // pending_ is, and has no slot twice
  uint64_t stamp_ = 0;            // the greatest of pending_
};

}  // namespace kith::index

#endif  // KITH_INDEX_SEGMENT_METADATA_H_
