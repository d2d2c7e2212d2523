// ManifestKeeper: the stored manifest of a shard's index, kept in step with what its Views show.
//
// A new manifest is one synced commit, together with the tombstones and updates that no segment
// needs any more; the files that it no longer names are removed after it. When the commit fails the
// index in memory goes on as it is: the old manifest, its files, tombstones and updates still
// describe the same rows, and the next commit catches up.
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
#include "storage/commit_batch.h"
#include "storage/types.h"

namespace kith::engine {

class ManifestKeeper {
 public:
  // `stored`: as the catalog holds it; empty if it holds none. `services` must outlive it.
  ManifestKeeper(const Services* services, storage::ShardNumber shard, storage::SpaceNumber space,
                 store::ManifestRecord stored);

  // Stores that the segments of `view` are the shard's. Each sealed one is in the manifest already,
  // or among `added`. Tombstones and updates of commits after `keep_after` stay, whoever needs them
  // now: a build that is under way has not seen them, and its segment will.
  absl::Status Follow(const index::IndexView& view, std::span<const store::SegmentRecord> added,
                      storage::Sequence keep_after);

  // As Follow, and drops every tombstone and update that no segment of `view` needs, wherever it
  // lies: after all ordinals below `end` have been loaded, and before anything is built.
  absl::Status FollowLoaded(const index::IndexView& view, storage::Ordinal end);

  const store::ManifestRecord& record() const { return record_; }

 private:
  // Files that go once the manifest which does not name them is stored.
  struct Unnamed {
    uint64_t id = 0;
    uint64_t metadata_generation = 0;
    bool whole = false;  // all of the segment; else its metadata of that generation
  };

  // The manifest of `view`; what changes against record_ widens `touched`, what it no longer names
  // goes to unnamed_.
  store::ManifestRecord Next(const index::IndexView& view,
                             std::span<const store::SegmentRecord> added,
                             index::OrdinalRange* touched);
  absl::Status Commit(store::ManifestRecord next, const index::OrdinalRange& touched,
                      storage::Sequence keep_after);
  // Tombstones and updates up to `keep_after` that begin in `range` and that no segment of
  // `manifest` needs.
  absl::Status DropUnneeded(const store::ManifestRecord& manifest, const index::OrdinalRange& range,
                            storage::Sequence keep_after, storage::CommitBatch* batch) const;
  void RemoveUnnamed();

  const Services* const services_;
  const storage::ShardNumber shard_;
  const storage::SpaceNumber space_;

  store::ManifestRecord record_;  // of the View that was followed last
  bool stored_ = true;            // what the catalog holds is record_
  std::vector<Unnamed> unnamed_;
};

// Whether `record` is of this segment: range, rows and all files.
bool IsRecordOf(const store::SegmentRecord& record, const index::SealedSegment& segment,
                const index::SealedMetadata& metadata);
bool IsRecordOf(const store::SegmentRecord& record, const index::SegmentView& segment);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_MANIFEST_KEEPER_H_
