// Filling a shard's index at start: sealed segments from their files, everything that none covers
// from storage. Also what a damaged segment is replaced by.
//
// Plain functions, thread-safe.

#ifndef KITH_SERVER_ENGINE_INDEXING_SEGMENT_LOADER_H_
#define KITH_SERVER_ENGINE_INDEXING_SEGMENT_LOADER_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/index_writer.h"
#include "kith/base/call.h"
#include "kith/store/catalog.pb.h"
#include "server/engine/committer.h"
#include "server/engine/services.h"
#include "storage/reader.h"

namespace kith::engine {

// Rows that are there so far.
using LoadProgress = std::function<void(uint64_t rows)>;

// The index of a shard as `state` counts it. Segments that `manifest` names and that cannot be used
// are reported, and their ranges read from storage. DATA_LOSS if what is stored does not agree with
// the counts of `state`.
absl::StatusOr<std::unique_ptr<index::IndexWriter>> LoadIndex(
    const Services& services, const ShardIdentity& shard, const store::ShardState& state,
    const store::ManifestRecord& manifest, const LoadProgress& progress, const Call& call);

// Appends the live rows of a range from storage. `rows`: how many are expected, at most.
absl::Status ReplayRange(const storage::Reader& reader, const ShardIdentity& shard,
                         index::OrdinalRange range, uint64_t rows, const LoadProgress& progress,
                         const Call& call, index::IndexWriter* index);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_SEGMENT_LOADER_H_
