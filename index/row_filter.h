// Which rows of a segment a search may answer with: not the deleted, not the excluded. Internal to
// index/; asked only of rows whose score is good enough, which are few.

#ifndef KITH_INDEX_ROW_FILTER_H_
#define KITH_INDEX_ROW_FILTER_H_

#include <cstdint>
#include <span>

#include "index/index_view.h"

namespace kith::index {

class RowFilter {
 public:
  RowFilter(const SegmentView& segment, std::span<const OrdinalRange> exclude)
      : deleted_(segment.deleted), exclude_(exclude) {}

  bool Allows(uint32_t slot, uint64_t ordinal) const {
    if (deleted_.Contains(slot)) return false;
    for (const OrdinalRange& range : exclude_) {
      if (range.Contains(ordinal)) return false;
    }
    return true;
  }

 private:
  const DeleteSet& deleted_;
  std::span<const OrdinalRange> exclude_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_ROW_FILTER_H_
