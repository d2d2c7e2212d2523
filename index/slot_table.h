// SlotTable: what the slots of a sealed segment are, in few bytes: each one's ordinal as a distance
// from the first, 4 bytes, and its passage number in as many bytes as the greatest needs (none when
// all are 0). A view of memory that belongs to somebody else. Internal to index/.
//
// Thread-safe: immutable.

#ifndef KITH_INDEX_SLOT_TABLE_H_
#define KITH_INDEX_SLOT_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/index_options.h"

namespace kith::index {

class SlotTable {
 public:
  SlotTable() = default;

  // Over `offsets` (uint32, from range.begin) and `passages` (0, 1, 2 or 4 bytes a slot). DATA_LOSS
  // when sizes do not fit, ordinals do not ascend or leave the range, or a passage number is
  // greater than its ordinal allows.
  static absl::StatusOr<SlotTable> Over(OrdinalRange range, std::span<const std::byte> offsets,
                                        std::span<const std::byte> passages);

  uint32_t size() const { return static_cast<uint32_t>(offsets_.size()); }

  uint64_t Ordinal(uint32_t slot) const { return base_ + offsets_[slot]; }

  uint32_t PassageIndex(uint32_t slot) const {
    uint32_t index = 0;
    if (width_ > 0) std::memcpy(&index, passages_ + size_t{slot} * width_, width_);
    return index;
  }

  // The first slot whose ordinal is not less than `ordinal`, or size().
  uint32_t LowerBound(uint64_t ordinal) const {
    if (ordinal <= base_) return 0;
    const uint64_t offset = ordinal - base_;
    return static_cast<uint32_t>(std::lower_bound(offsets_.begin(), offsets_.end(), offset) -
                                 offsets_.begin());
  }

 private:
  uint64_t base_ = 0;
  std::span<const uint32_t> offsets_;
  const std::byte* passages_ = nullptr;
  uint32_t width_ = 0;
};

// The bytes that a SlotTable is laid over, row by row.
class SlotTableMaker {
 public:
  explicit SlotTableMaker(OrdinalRange range) : range_(range) {}

  // REQUIRES: ordinals ascend, within the range.
  void Add(uint64_t ordinal, uint32_t passage_index);

  // After the last row.
  std::string Offsets() const;
  std::string Passages() const;

 private:
  const OrdinalRange range_;
  std::vector<uint32_t> offsets_;
  std::vector<uint32_t> passages_;
  uint32_t greatest_passage_ = 0;
};

}  // namespace kith::index

#endif  // KITH_INDEX_SLOT_TABLE_H_
