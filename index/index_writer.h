// IndexWriter: the one way to change the index of a vector space. The committer's strand owns it:
//
//   budget.Check(writer->BytesToReserve(needs));        // before the batch is made durable
//   KITH_RETURN_IF_ERROR(writer->Reserve(needs));       // the last step that may fail
//   ... write the batch to disk ...
//   writer->Append(ordinal, passage_index, vector, {&terms, metadata});     // rows times
//   writer->UpdateMetadata({begin, end}, metadata, sequence);
//   writer->Delete({begin, end});
//   IndexView view = writer->Publish();                 // readers see all of it, or nothing
//
// Where the index has no companions (IndexOptions), rows are vectors alone, and their number is all
// that they need.
//
// Not thread-safe: one thread at a time. Views that it published are, and live on by themselves.
//
// Vectors and terms take their memory in Reserve alone. Delete and Publish take some small objects
// (pages of 512 bytes, a list of segments) from the ordinary heap, and metadata that is published
// takes about what RowNeeds says of it.

#ifndef KITH_INDEX_INDEX_WRITER_H_
#define KITH_INDEX_INDEX_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/delete_set.h"
#include "index/growing_segment.h"
#include "index/index_view.h"
#include "index/row_companions.h"
#include "index/segment_metadata.h"

namespace kith::index {

class IndexWriter {
 public:
  // An empty index. INVALID_ARGUMENT when the dimension is not 1..kMaxDimension.
  static absl::StatusOr<std::unique_ptr<IndexWriter>> Create(const IndexOptions& options);

  // How many bytes Reserve(needs) would take now, with those that the metadata takes later.
  size_t BytesToReserve(const RowNeeds& needs) const;
  size_t BytesToReserve(uint64_t rows) const { return BytesToReserve(NeedsOf(rows)); }

  // Takes the memory for further rows, opening segments as needed: `needs` are those of all rows
  // that were not appended yet. On RESOURCE_EXHAUSTED (MEMORY_BUDGET) nothing visible has changed
  // and what was taken is kept for the next call.
  absl::Status Reserve(const RowNeeds& needs);
  absl::Status Reserve(uint64_t rows) { return Reserve(NeedsOf(rows)); }

  // REQUIRES: reserved; ValidateVector says OK (check rows read back from disk, too); ordinals
  // ascend over the life of the index, holes allowed; no companions where the index has none.
  void Append(uint64_t ordinal, uint32_t passage_index, std::span<const float> vector,
              const RowCompanions& companions = {});

  // From the next Publish on the rows of these ordinals, all passages of a document, have this
  // metadata, whole. Those that are not there, or deleted, are passed over. Returns how many have
  // it. `sequence`: of the update; between two calls of Publish in any order, and not below those
  // of before. REQUIRES: an index with companions; metadata is not null.
  uint64_t UpdateMetadata(OrdinalRange range, const std::shared_ptr<const MetadataRow>& metadata,
                          uint64_t sequence);

  // Ends the segment under way, so that it can be sealed: the next row opens another. Nothing
  // happens when it is empty. What is reserved in it is lost: REQUIRES that Reserve comes before
  // the next Append.
  void CloseGrowing();

  // Puts a sealed segment behind all rows that are there; its range counts as taken. Closes the
  // segment under way. REQUIRES: range().begin is not below an ordinal or range taken before;
  // nothing reserved is waiting for its Append; `metadata` is the segment's, if the index has
  // companions.
  void AddSealed(std::shared_ptr<const SealedSegment> segment,
                 std::shared_ptr<const SealedMetadata> metadata = nullptr);

  // Puts `sealed`, which BuildSegment made of `built_from`, in the place of these. What was deleted
  // from them or updated since, is deleted or updated in it. `sealed` may be null when nothing in
  // them was live.
  // REQUIRES: `built_from` are adjacent segments of a view of this index, full, closed or sealed,
  // as BuildSegment took them. Those that were dropped since, because all their rows are deleted,
  // need not be there any more. DATA_LOSS (CORRUPTION), and nothing changed, when the live rows
  // would not be as many as before.
  absl::Status Replace(std::span<const SegmentView> built_from,
                       std::shared_ptr<const SealedSegment> sealed,
                       std::shared_ptr<const SealedMetadata> metadata = nullptr);

  // Puts `metadata`, which FoldSegmentMetadata made of `folded`, in the place of what that sealed
  // segment had. What was updated since, stays over it. False, and nothing changed, when the
  // segment is not there any more.
  bool ReplaceMetadata(const SegmentView& folded, std::shared_ptr<const SealedMetadata> metadata);

  // Puts the rows of `replayed`, an index of the same options that was filled from storage, in the
  // place of a segment that turned out damaged. What is deleted in the segment is deleted in them,
  // and what was updated since `damaged` is updated in them. REQUIRES: `damaged` is a segment of a
  // view of this index, and storage was read as it is at that view or later; all ordinals of
  // `replayed` are within those that the segment answers for.
  // DATA_LOSS (CORRUPTION), and nothing changed, when the live rows are not as many.
  absl::Status ReplaceByRows(const SegmentView& damaged, std::unique_ptr<IndexWriter> replayed);

  // Deletes the rows of these ordinals, published or not; those that are not there, or are deleted
  // already, are passed over. Returns how many it deleted.
  uint64_t Delete(OrdinalRange range);

  // Everything appended, updated and deleted until now. A full, closed or sealed segment without a
  // live row is let go. What is reserved for terms is lost: where the index has companions,
  // REQUIRES that Reserve comes before the next Append.
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
    SegmentMetadata metadata = {};
    std::shared_ptr<const SealedMetadata> metadata_file = nullptr;
    std::shared_ptr<GrowingTerms> terms = nullptr;

    uint32_t size() const;
    uint32_t room() const;
    std::optional<uint32_t> SlotOf(uint64_t ordinal) const;
    size_t BytesToReserve(const RowNeeds& needs) const;
    void Close();
    size_t memory_bytes() const;
    SegmentView View() const;
  };

  explicit IndexWriter(const IndexOptions& options);

  static RowNeeds NeedsOf(uint64_t rows) { return {.rows = rows, .terms = {.rows = rows}}; }
  Entry NewEntry() const;
  Entry SealedEntry(std::shared_ptr<const SealedSegment> sealed,
                    std::shared_ptr<const SealedMetadata> metadata) const;
  // Calls visit(i, part) for each entry that some of the rows go into, there or still to be opened.
  template <typename Visit>
  absl::Status ForEachRoom(const RowNeeds& needs, const Visit& visit) const;
  // Calls visit(entry, its view) for each entry with live rows in the range, slots_ being those.
  // Returns how many they are.
  template <typename Visit>
  uint64_t VisitLive(OrdinalRange range, const Visit& visit);
  void FlushMetadata();
  // Moves active_ to the next entry that takes a row.
  void PassFull();
  std::vector<Entry>::iterator EntryOf(const SegmentView& view);

  const IndexOptions options_;
  const uint32_t capacity_;  // rows of a growing segment
  // In ascending order of ordinals. Those before active_ are sealed, full or closed, once PassFull
  // has been called; entries_[active_] takes the next row; after it come segments that are reserved
  // and empty.
  std::vector<Entry> entries_;
  size_t active_ = 0;
  uint64_t live_rows_ = 0;
  uint64_t next_ordinal_ = 0;    // the least that Append takes
  std::vector<uint32_t> slots_;  // scratch
};

}  // namespace kith::index

#endif  // KITH_INDEX_INDEX_WRITER_H_
