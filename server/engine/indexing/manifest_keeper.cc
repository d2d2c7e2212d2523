#include "server/engine/indexing/manifest_keeper.h"

#include <algorithm>
#include <utility>

#include "kith/base/check.h"
#include "kith/base/status_macros.h"
#include "storage/commit_batch.h"
#include "storage/store.h"

namespace kith::engine {
namespace {

bool IsFile(const store::SegmentFile& record, const index::FileSummary& file) {
  return record.size_bytes() == file.size_bytes && record.checksum() == file.checksum;
}

// Whether a segment of `manifest` was built before the tombstone and may hold its rows.
bool IsNeeded(const store::ManifestRecord& manifest, const storage::Tombstone& tombstone) {
  const auto& segments = manifest.segments();
  auto segment = std::partition_point(
      segments.begin(), segments.end(),
      [&](const store::SegmentRecord& s) { return s.end_ordinal() <= tombstone.first; });
  for (; segment != segments.end() && segment->begin_ordinal() < tombstone.first + tombstone.count;
       ++segment) {
    if (segment->built_at_sequence() < tombstone.sequence) return true;
  }
  return false;
}

}  // namespace

bool IsRecordOf(const store::SegmentRecord& record, const index::SealedSegment& segment) {
  return record.begin_ordinal() == segment.range().begin &&
         record.end_ordinal() == segment.range().end && record.rows() == segment.rows() &&
         IsFile(record.graph(), segment.graph_file()) &&
         IsFile(record.rows_file(), segment.rows_file());
}

ManifestKeeper::ManifestKeeper(const Services* services, storage::ShardNumber shard,
                               storage::SpaceNumber space, store::ManifestRecord stored)
    : services_(services), shard_(shard), space_(space), record_(std::move(stored)) {
  if (record_.next_segment_id() == 0) record_.set_next_segment_id(1);
}

store::ManifestRecord ManifestKeeper::Next(const index::IndexView& view,
                                           std::span<const store::SegmentRecord> added,
                                           Range* touched) {
  const auto touch = [touched](const store::SegmentRecord& segment) {
    if (touched->begin == touched->end) *touched = {segment.begin_ordinal(), segment.end_ordinal()};
    touched->begin = std::min(touched->begin, segment.begin_ordinal());
    touched->end = std::max(touched->end, segment.end_ordinal());
  };
  store::ManifestRecord next;
  next.set_next_segment_id(record_.next_segment_id());
  auto old = record_.segments().begin();
  const auto drop = [&] {
    touch(*old);
    unnamed_.push_back(old->id());
    ++old;
  };
  for (const index::SegmentView& segment : view.segments()) {
    if (segment.sealed == nullptr) continue;
    const auto is_of = [&](const store::SegmentRecord& r) {
      return IsRecordOf(r, *segment.sealed);
    };
    const auto known = std::find_if(old, record_.segments().end(), is_of);
    if (known != record_.segments().end()) {
      while (old != known) drop();
      *next.add_segments() = *old++;
      continue;
    }
    const auto fresh = std::find_if(added.begin(), added.end(), is_of);
    KITH_CHECK(fresh != added.end(), "every sealed segment has a record");
    touch(*fresh);
    *next.add_segments() = *fresh;
    next.set_next_segment_id(std::max(next.next_segment_id(), fresh->id() + 1));
  }
  while (old != record_.segments().end()) drop();
  return next;
}

absl::StatusOr<std::vector<ManifestKeeper::Range>> ManifestKeeper::Unneeded(
    const store::ManifestRecord& manifest, const Range& range) const {
  std::vector<Range> runs;
  bool in_run = false;
  KITH_RETURN_IF_ERROR(services_->store->Latest().ScanTombstones(
      shard_, space_, range.begin, range.end,
      [&](const storage::Tombstone& tombstone) {
        if (IsNeeded(manifest, tombstone)) {
          in_run = false;
        } else {
          if (!in_run) runs.push_back({tombstone.first, 0});
          in_run = true;
          runs.back().end = tombstone.first + 1;  // a run ends with the first key behind its last
        }
        return true;
      },
      Call::Background()));
  return runs;
}

absl::Status ManifestKeeper::Commit(store::ManifestRecord next, const Range& touched) {
  record_ = std::move(next);
  KITH_ASSIGN_OR_RETURN(const auto runs, Unneeded(record_, touched));
  storage::CommitBatch batch(*services_->store);
  if (!stored_) batch.PutManifest(shard_, space_, record_);
  for (const Range& run : runs) batch.DropTombstones(shard_, space_, run.begin, run.end);
  if (batch.empty()) return absl::OkStatus();
  KITH_RETURN_IF_ERROR(services_->store->Commit(
      batch, stored_ ? storage::Durability::kApplied : storage::Durability::kSynced));
  stored_ = true;
  RemoveUnnamed();
  return absl::OkStatus();
}

absl::Status ManifestKeeper::Follow(const index::IndexView& view,
                                    std::span<const store::SegmentRecord> added) {
  Range touched;
  store::ManifestRecord next = Next(view, added, &touched);
  if (touched.begin != touched.end) stored_ = false;
  return Commit(std::move(next), touched);
}

absl::Status ManifestKeeper::FollowLoaded(const index::IndexView& view, storage::Ordinal end) {
  Range touched;
  store::ManifestRecord next = Next(view, {}, &touched);
  if (touched.begin != touched.end) stored_ = false;
  return Commit(std::move(next), {0, end});
}

void ManifestKeeper::RemoveUnnamed() {
  for (const uint64_t id : unnamed_) {
    if (absl::Status removed = services_->store->segments().Remove(shard_, space_, id, 1);
        !removed.ok()) {
      services_->Report(Event::Level::kWarning, std::string(removed.message()));
    }
  }
  unnamed_.clear();
}

}  // namespace kith::engine
