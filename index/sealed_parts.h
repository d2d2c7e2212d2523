// What a SealedSegment is made of, for those parts of index/ that search and merge it.

#ifndef KITH_INDEX_SEALED_PARTS_H_
#define KITH_INDEX_SEALED_PARTS_H_

#include <atomic>
#include <cstddef>

#include "index/index_options.h"
#include "index/sealed_segment.h"
#include "index/slot_table.h"

namespace kith::index {

struct SealedSegment::Parts {
  SegmentPaths paths;
  FileSummary graph_file;
  FileSummary rows_file;
  OrdinalRange range;
  SlotTable slots;
  size_t memory_bytes = 0;
  // Relaxed: publishes nothing but itself.
  mutable std::atomic<bool> damaged{false};
};

}  // namespace kith::index

#endif  // KITH_INDEX_SEALED_PARTS_H_
