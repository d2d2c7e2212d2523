// IndexWriter: the one way to change the index of a vector space. The committer's strand owns it:
//
//   budget.Check(writer->BytesToReserve(rows));         // before the batch is made durable
//   KITH_RETURN_IF_ERROR(writer->Reserve(rows));        // the last step that may fail
//   ... write the batch to disk ...
//   writer->Append(ordinal, passage_index, vector);     // rows times
//   writer->Delete({begin, end});
//   IndexView view = writer->Publish();                 // readers see all of it, or nothing
//
// Not thread-safe: one thread at a time. Views that it published are, and live on by themselves.
//
// Rows take their memory in Reserve alone. Append takes none; Delete and Publish take some small
// objects (pages of 512 bytes, a list of segments) from the ordinary heap.

#ifndef KITH_INDEX_INDEX_WRITER_H_
#define KITH_INDEX_INDEX_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/delete_set.h"
#include "index/growing_segment.h"
#include "index/index_view.h"

namespace kith::index {

class IndexWriter {
 public:
  // An empty index. INVALID_ARGUMENT when the dimension is not 1..kMaxDimension.
  static absl::StatusOr<std::unique_ptr<IndexWriter>> Create(const IndexOptions& options);

  // How many bytes Reserve(rows) would take now.
  size_t BytesToReserve(uint64_t rows) const;

  // Takes the memory for `rows` further rows, opening segments as needed. On RESOURCE_EXHAUSTED
  // (MEMORY_BUDGET) nothing visible has changed and what was taken is kept for the next call.
  absl::Status Reserve(uint64_t rows);

  // REQUIRES: reserved; ValidateVector says OK (check rows read back from disk, too); ordinals
  // ascend over the life of the index, holes allowed.
  void Append(uint64_t ordinal, uint32_t passage_index, std::span<const float> vector);

  // Ends the segment under way, so that it can be sealed: the next row opens another. Nothing
  // happens when it is empty. What is reserved in it is lost: REQUIRES that Reserve comes before
  // the next Append.
  void CloseGrowing();

  // Puts a sealed segment behind all rows that are there; its range counts as taken. Closes the
  // segment under way. REQUIRES: range().begin is not below an ordinal or range taken before;
  // nothing reserved is waiting for its Append.
  void AddSealed(std::shared_ptr<const SealedSegment> segment);

  // Puts `sealed`, which BuildSegment made of `built_from`, in the place of these. What was deleted
  // from them since, is deleted in it. `sealed` may be null when nothing in them was live.
  // REQUIRES: `built_from` are adjacent segments of a view of this index, full, closed or sealed,
  // as BuildSegment took them. Those that were dropped since, because all their rows are deleted,
  // need not be there any more. DATA_LOSS (CORRUPTION), and nothing changed, when the live rows
  // would not be as many as before.
  absl::Status Replace(std::span<const SegmentView> built_from,
                       std::shared_ptr<const SealedSegment> sealed);

  // Puts the rows of `replayed`, an index of the same options that was filled from storage, in the
  // place of a segment that turned out damaged. What is deleted in the segment is deleted in them.
  // REQUIRES: `damaged` is a segment of a view of this index; all ordinals of `replayed` are within
  // those that the segment answers for.
  // DATA_LOSS (CORRUPTION), and nothing changed, when the live rows are not as many.
  absl::Status ReplaceByRows(const SegmentView& damaged, std::unique_ptr<IndexWriter> replayed);

  // Deletes the rows of these ordinals, published or not; those that are not there, or are deleted
  // already, are passed over. Returns how many it deleted.
  uint64_t Delete(OrdinalRange range);

  // Everything appended and deleted until now. A full, closed or sealed segment without a live
  // row is let go.
  IndexView Publish();

  const IndexOptions& options() const { return options_; }
  uint64_t live_rows() const { return live_rows_; }
  // Of the segments held now; views may keep others alive.
  size_t memory_bytes() const;

 private:
  // A segment: growing or sealed, as in SegmentView.
  struct Entry {
    std::shared_ptr<GrowingSegment> growing = nullptr;
    std::shared_ptr<const SealedSegment> sealed = nullptr;
    DeleteSet deleted = {};
    bool closed = false;  // takes no more rows, although there is room

    uint32_t size() const;
    uint32_t room() const;
    size_t memory_bytes() const;
    SegmentView View() const;
  };

  explicit IndexWriter(const IndexOptions& options) : options_(options) {}

  // Moves active_ to the next entry that takes a row.
  void PassFull();
  std::vector<Entry>::iterator EntryOf(const SegmentView& view);

  const IndexOptions options_;
  // In ascending order of ordinals. Those before active_ are sealed, full or closed, once PassFull
  // has been called; entries_[active_] takes the next row; after it come segments that are reserved
  // and empty.
  std::vector<Entry> entries_;
  size_t active_ = 0;
  uint64_t live_rows_ = 0;
  uint64_t next_ordinal_ = 0;    // the least that Append takes
  std::vector<uint32_t> slots_;  // scratch of Delete
};

}  // namespace kith::index

#endif  // KITH_INDEX_INDEX_WRITER_H_
