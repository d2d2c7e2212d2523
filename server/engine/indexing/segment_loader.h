// Filling a shard's index at start: sealed segments from their files, everything that none covers
// from storage.
//
// Plain functions, thread-safe.

#ifndef KITH_SERVER_ENGINE_INDEXING_SEGMENT_LOADER_H_
#define KITH_SERVER_ENGINE_INDEXING_SEGMENT_LOADER_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/index_writer.h"
#include "kith/base/call.h"
#include "kith/store/catalog.pb.h"
#include "server/engine/indexing/replay.h"
#include "server/engine/row_maker.h"
#include "server/engine/services.h"
#include "server/engine/shard_identity.h"

namespace kith::engine {

// The index of a shard as `state` counts it. Segments that `manifest` names and that cannot be used
// are reported, and their ranges read from storage. DATA_LOSS if what is stored does not agree with
// the counts of `state`.
absl::StatusOr<std::unique_ptr<index::IndexWriter>> LoadIndex(
    const Services& services, const SpaceIdentity& shard, const RowMaker& rows,
    const store::ShardState& state, const store::ManifestRecord& manifest,
    const LoadProgress& progress, const Call& call);

// Of the index that a shard has.
index::IndexOptions IndexOptionsOf(const SpaceIdentity& shard, const RowMaker& rows);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_SEGMENT_LOADER_H_
