// MetadataIndex: the metadata of some slots of a segment, frozen: for each field the values that
// there are, which rows have them, and which each row has. A view of one contiguous image that
// holds no pointer, so that it is written to a file and read back as it stands;
// docs/formats/metadata.md draws it. Made by metadata_builder.h and fold_metadata.h; as one of a
// segment's runs (metadata_runs.h) read by evaluate.h, field_values.h, facets.h, field_order.h.
//
// A *row* is a position in the index, 0 to rows() - 1; Slot(row) is what it stands for in the
// segment. Rows ascend by slot.
//
// Thread-safe: immutable.

#ifndef KITH_INDEX_METADATA_METADATA_INDEX_H_
#define KITH_INDEX_METADATA_METADATA_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "index/metadata/metadata_row.h"
#include "index/metadata/row_set.h"

namespace kith::index {

class MetadataColumn;

class MetadataIndex {
 public:
  // Looks at every byte of the image, which may come from a damaged or hostile file: the checksum,
  // and then whether all that it says is true and can be read safely. DATA_LOSS (CORRUPTION) with
  // the numbers otherwise, FAILED_PRECONDITION (FORMAT_VERSION) for an image of another version.
  // Needs no alignment. `image` must have the image's size; `owner` is whatever keeps its bytes
  // where they are, held as long as the index is. `slots`: those of the segment; one beyond them is
  // damage (and an image that claims many has to be looked at for long).
  static absl::StatusOr<std::shared_ptr<const MetadataIndex>> Parse(
      std::span<const std::byte> image, std::shared_ptr<const void> owner,
      uint32_t slots = kMaxSlots);
  static constexpr uint32_t kMaxSlots = UINT32_MAX;

  // Of an image that a builder of this process has just made.
  static std::shared_ptr<const MetadataIndex> Own(std::string image);

  ~MetadataIndex();
  MetadataIndex(const MetadataIndex&) = delete;
  MetadataIndex& operator=(const MetadataIndex&) = delete;

  uint32_t rows() const { return rows_; }  // at least 1
  // The sequence of the newest update in it; 0: rows as they were written, never updated.
  uint64_t stamp() const { return stamp_; }
  std::span<const std::byte> image() const { return image_; }
  // Of the image and of what was made to read it.
  size_t memory_bytes() const;

  uint32_t Slot(uint32_t row) const {  // REQUIRES: row < rows()
    return slots_.empty() ? first_slot_ + row : SlotAt(row);
  }
  std::optional<uint32_t> RowOf(uint32_t slot) const;  // constant time, or a binary search
  uint32_t first_slot() const { return first_slot_; }
  uint32_t last_slot() const { return last_slot_; }
  bool contiguous() const { return slots_.empty(); }  // slots first_slot() to last_slot(), all

  // Rows that are the first passage of their document.
  const RowSet& heads() const { return heads_; }

  // The columns of all fields, ascending by field and type. A field has one for each type that its
  // values have here: one, but for numbers that were int64 before the field became double.
  std::span<const MetadataColumn> columns() const;
  std::span<const MetadataColumn> Columns(std::string_view field) const;  // those of one field

  // The row as it was written; values of a list in ascending order, each once.
  MetadataRow Row(uint32_t row) const;

 private:
  friend class MetadataParser;

  MetadataIndex();
  uint32_t SlotAt(uint32_t row) const;

  std::span<const std::byte> image_;
  std::shared_ptr<const void> owner_;
  uint32_t rows_ = 0;
  uint64_t stamp_ = 0;
  uint32_t first_slot_ = 0;
  uint32_t last_slot_ = 0;
  std::span<const std::byte> slots_;  // [rows] uint32; empty: contiguous
  RowSet heads_;
  std::vector<MetadataColumn> columns_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_METADATA_INDEX_H_
