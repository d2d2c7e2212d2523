// ManifestKeeper: the stored manifest of a shard's index, kept in step with what its Views show.
//
// A new manifest is one synced commit, together with the tombstones that no segment needs any more;
// the files of segments that it no longer names are removed after it. When the commit fails the
// index in memory goes on as it is: the old manifest, its files and its tombstones still describe
// the same rows, and the next commit catches up.
//
// Not thread-safe: on the shard's strand alone (and in Load, before there is one).

#ifndef KITH_SERVER_ENGINE_INDEXING_MANIFEST_KEEPER_H_
#define KITH_SERVER_ENGINE_INDEXING_MANIFEST_KEEPER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "index/index_view.h"
#include "kith/store/catalog.pb.h"
#include "server/engine/services.h"
#include "storage/types.h"

namespace kith::engine {

class ManifestKeeper {
 public:
  // `stored`: as the catalog holds it; empty if it holds none. `services` must outlive it.
  ManifestKeeper(const Services* services, storage::ShardNumber shard, storage::SpaceNumber space,
                 store::ManifestRecord stored);

  // Stores that the segments of `view` are the shard's. Each sealed one is in the manifest already,
  // or among `added`.
  absl::Status Follow(const index::IndexView& view, std::span<const store::SegmentRecord> added);

  // As Follow, and drops every tombstone that no segment of `view` needs, wherever it lies: after
  // all ordinals below `end` have been loaded.
  absl::Status FollowLoaded(const index::IndexView& view, storage::Ordinal end);

  const store::ManifestRecord& record() const { return record_; }

 private:
  struct Range {
    storage::Ordinal begin = 0;
    storage::Ordinal end = 0;
  };

  // The manifest of `view`; what changes against record_ widens `touched`, ids that it no longer
  // names go to unnamed_.
  store::ManifestRecord Next(const index::IndexView& view,
                             std::span<const store::SegmentRecord> added, Range* touched);
  absl::Status Commit(store::ManifestRecord next, const Range& touched);
  // Longest runs of tombstones that begin in `range` and that no segment of `manifest` needs.
  absl::StatusOr<std::vector<Range>> Unneeded(const store::ManifestRecord& manifest,
                                              const Range& range) const;
  void RemoveUnnamed();

  const Services* const services_;
  const storage::ShardNumber shard_;
  const storage::SpaceNumber space_;

  store::ManifestRecord record_;   // of the View that was followed last
  bool stored_ = true;             // what the catalog holds is record_
  std::vector<uint64_t> unnamed_;  // segments whose files go once it is
};

// Whether `record` is of this segment: range, rows and both files.
bool IsRecordOf(const store::SegmentRecord& record, const index::SealedSegment& segment);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_MANIFEST_KEEPER_H_
