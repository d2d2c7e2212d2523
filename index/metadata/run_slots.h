// Between the rows of a run and the slots of its segment, bitmap by bitmap. Internal to
// index/metadata/.

#ifndef KITH_INDEX_METADATA_RUN_SLOTS_H_
#define KITH_INDEX_METADATA_RUN_SLOTS_H_

#include <cstdint>
#include <vector>

#include "index/metadata/bits.h"
#include "index/metadata/metadata_index.h"
#include "index/metadata/metadata_runs.h"

namespace kith::index {

// Puts what a run says over what older ones said: the bits of the slots that it covers become those
// of its rows. Slots from `size` on are left out.
void PutRows(const MetadataIndex& run, const Bits& rows, uint32_t size, Bits& slots);

// The bits of the run's rows are those of their slots; of slots from `size` on: 0.
Bits TakeRows(const MetadataIndex& run, const Bits& slots, uint32_t size);

// Clears the bits of the slots that the run covers.
void ClearSlots(const MetadataIndex& run, uint32_t size, Bits& slots);

// The rows of each run whose slot is in `allowed` and that no newer run covers; newest run first.
// `left` keeps the allowed slots that no run covers.
struct NewestRows {
  struct OfRun {
    const MetadataIndex* run;
    Bits rows;
    uint32_t count;
  };
  std::vector<OfRun> runs;  // those that have any
  Bits left;
};
NewestRows NewestRowsOf(const MetadataRuns& runs, const SlotSet& allowed);

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_RUN_SLOTS_H_
