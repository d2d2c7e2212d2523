// Answering a filter: which slots of a segment have metadata that it is true of.

#ifndef KITH_INDEX_METADATA_EVALUATE_H_
#define KITH_INDEX_METADATA_EVALUATE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "index/metadata/filter.h"
#include "index/metadata/metadata_runs.h"
#include "index/slot_set.h"
#include "kith/base/call.h"

namespace kith::index {

// The slots below `visible` that `filter` is true of, deleted ones among them. CANCELLED or
// DEADLINE_EXCEEDED once nobody waits any more. A node of the tree costs visible / 64 words, and
// what it matches; an overlay only its own rows. REQUIRES: `filter` came from ResolveFilter (values
// that do not fit a field's type match nothing).
absl::StatusOr<SlotSet> Evaluate(const Filter& filter, const MetadataRuns& runs, uint32_t visible,
                                 const Call& call);

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_EVALUATE_H_
