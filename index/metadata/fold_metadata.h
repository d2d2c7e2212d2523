// Folding: one MetadataIndex of the rows that others hold, each row with its newest metadata. For
// sealing and merging segments, for the next generation of a sealed segment's metadata, and for
// bringing an overlay over to the segment that replaces its own.
//
// What is made is byte for byte what a MetadataBuilder makes of the same rows.

#ifndef KITH_INDEX_METADATA_FOLD_METADATA_H_
#define KITH_INDEX_METADATA_FOLD_METADATA_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "index/metadata/metadata_runs.h"
#include "kith/base/call.h"

namespace kith::index {

// Whether the row of that slot stays; empty: all do.
using KeepRow = std::function<bool(uint32_t slot)>;

// A segment that goes into a fold: its slots [0, visible).
struct MetadataSource {
  const MetadataRuns* runs = nullptr;
  uint32_t visible = 0;
  KeepRow keep = nullptr;
};

// The image of one index whose slots are 0, 1, 2, ...: the rows of all sources that stay, in their
// order, stamped with the greatest stamp of all runs. It takes the memory of the image, about
// as much again, and 12 bytes a row. CANCELLED or DEADLINE_EXCEEDED once nobody waits any more.
// REQUIRES: at least one row stays.
absl::StatusOr<std::string> FoldMetadata(std::span<const MetadataSource> sources,
                                         const Call& call = Call::Background());

// The run with its slots renamed, without the rows whose slot has no name; nullptr if none is left.
// The stamp stays. REQUIRES: `rename` ascends.
using RenameSlot = std::function<std::optional<uint32_t>(uint32_t slot)>;
std::shared_ptr<const MetadataIndex> RenameSlots(const MetadataIndex& run,
                                                 const RenameSlot& rename);

// One run that says what the two say together, `newer` where both cover a slot. Its stamp is the
// greater.
std::shared_ptr<const MetadataIndex> MergeRuns(const MetadataIndex& older,
                                               const MetadataIndex& newer);

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_FOLD_METADATA_H_
