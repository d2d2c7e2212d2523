// MakeSegment: one build, from the segments of a View to a sealed segment that is open, its files
// in their place. FoldSegment: the same for the metadata of a segment that stays as it is. They run
// for as long as it takes on a thread of the IndexScheduler.
//
// Thread-safe: jobs share nothing but the memory budget.

#ifndef KITH_SERVER_ENGINE_INDEXING_SEGMENT_JOB_H_
#define KITH_SERVER_ENGINE_INDEXING_SEGMENT_JOB_H_

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "index/index_view.h"
#include "index/sealed_metadata.h"
#include "index/segment_build.h"
#include "kith/base/call.h"
#include "kith/store/catalog.pb.h"
#include "server/engine/schema.h"
#include "server/engine/services.h"
#include "server/engine/shard_identity.h"
#include "storage/segment_files.h"

namespace kith::engine {

struct SegmentJob {
  std::span<const index::SegmentView> inputs;  // adjacent; not empty
  uint64_t sequence = 0;                       // of the View that they are of
  uint64_t id = 0;                             // of the new segment
  IndexSettings settings;
  int threads = 1;
  // It will be merged with others soon, so that a good graph is not worth its price.
  bool provisional = false;
};

struct MadeSegment {
  std::shared_ptr<const index::SealedSegment> segment;  // null: no row was alive
  std::shared_ptr<const index::SealedMetadata> metadata;
  store::SegmentRecord record;
  // Of the build, until the segment's own memory is accounted for.
  MemoryBudget::Reservation memory;
};

// On an error nothing is left on disk. RESOURCE_EXHAUSTED / MEMORY_BUDGET: later.
absl::StatusOr<MadeSegment> MakeSegment(const Services& services, const SpaceIdentity& shard,
                                        const index::IndexOptions& options, const SegmentJob& job,
                                        const index::BuildProgress& progress, const Call& call);

// The metadata file of a sealed segment alone, of the next generation, with all updates in it.
// `view` is the segment as a View of `sequence` shows it, `record` what the manifest says of it.
absl::StatusOr<MadeSegment> FoldSegment(const Services& services, const SpaceIdentity& shard,
                                        const index::IndexOptions& options,
                                        const index::SegmentView& view,
                                        const store::SegmentRecord& record, uint64_t sequence,
                                        const Call& call);

// Where the files of a segment lie, but for its metadata.
index::SegmentPaths PathsOf(const storage::SegmentFiles& files, const SpaceIdentity& shard,
                            uint64_t id);

// The ordinals that a segment made of `inputs` answers for.
index::OrdinalRange RangeOf(std::span<const index::SegmentView> inputs);

// What the settings mean for index/.
index::SegmentBuildOptions BuildOptionsOf(const IndexSettings& settings);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_SEGMENT_JOB_H_
