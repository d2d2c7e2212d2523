#include "server/engine/indexing/manifest_keeper.h"

#include <algorithm>
#include <limits>
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

// The sequence that a segment's rows, or its metadata, are of.
using AtSequence = uint64_t (store::SegmentRecord::*)() const;

// Whether a segment of `manifest` was written before the commit that changed these ordinals, and
// may hold them.
bool IsNeeded(const store::ManifestRecord& manifest, AtSequence at, storage::Ordinal first,
              uint64_t count, storage::Sequence sequence) {
  const auto& segments = manifest.segments();
  auto segment =
      std::partition_point(segments.begin(), segments.end(),
                           [&](const store::SegmentRecord& s) { return s.end_ordinal() <= first; });
  for (; segment != segments.end() && segment->begin_ordinal() < first + count; ++segment) {
    if (((*segment).*at)() < sequence) return true;
  }
  return false;
}

// Longest runs of rows that are not needed, as ranges of their first ordinals.
class Runs {
 public:
  void Add(storage::Ordinal first, bool needed) {
    if (!needed) {
      if (!in_run_) ranges_.push_back({first, 0});
      ranges_.back().end = first + 1;  // a run ends with the first key behind its last
    }
    in_run_ = !needed;
  }
  const std::vector<index::OrdinalRange>& ranges() const { return ranges_; }

 private:
  bool in_run_ = false;
  std::vector<index::OrdinalRange> ranges_;
};

}  // namespace

bool IsRecordOf(const store::SegmentRecord& record, const index::SealedSegment& segment,
                const index::SealedMetadata& metadata) {
  return record.begin_ordinal() == segment.range().begin &&
         record.end_ordinal() == segment.range().end && record.rows() == segment.rows() &&
         IsFile(record.graph(), segment.graph_file()) &&
         IsFile(record.rows_file(), segment.rows_file()) &&
         IsFile(record.terms(), segment.terms_file()) && IsFile(record.metadata(), metadata.file());
}

bool IsRecordOf(const store::SegmentRecord& record, const index::SegmentView& segment) {
  return segment.sealed != nullptr && IsRecordOf(record, *segment.sealed, *segment.metadata_file);
}

ManifestKeeper::ManifestKeeper(const Services* services, storage::ShardNumber shard,
                               storage::SpaceNumber space, store::ManifestRecord stored)
    : services_(services), shard_(shard), space_(space), record_(std::move(stored)) {
  if (record_.next_segment_id() == 0) record_.set_next_segment_id(1);
}

store::ManifestRecord ManifestKeeper::Next(const index::IndexView& view,
                                           std::span<const store::SegmentRecord> added,
                                           index::OrdinalRange* touched) {
  const auto touch = [touched](const store::SegmentRecord& segment) {
    if (touched->begin == touched->end) *touched = {segment.begin_ordinal(), segment.end_ordinal()};
    touched->begin = std::min(touched->begin, segment.begin_ordinal());
    touched->end = std::max(touched->end, segment.end_ordinal());
  };
  const auto& old = record_.segments();
  store::ManifestRecord next;
  next.set_next_segment_id(record_.next_segment_id());
  for (const index::SegmentView& segment : view.segments()) {
    if (segment.sealed == nullptr) continue;
    const auto is_of = [&](const store::SegmentRecord& r) { return IsRecordOf(r, segment); };
    if (const auto known = std::find_if(old.begin(), old.end(), is_of); known != old.end()) {
      *next.add_segments() = *known;
      continue;
    }
    const auto fresh = std::find_if(added.begin(), added.end(), is_of);
    KITH_CHECK(fresh != added.end(), "every sealed segment has a record");
    touch(*fresh);
    *next.add_segments() = *fresh;
    next.set_next_segment_id(std::max(next.next_segment_id(), fresh->id() + 1));
  }
  // What is named no longer: all of a segment, or the metadata that it had before.
  for (const store::SegmentRecord& before : old) {
    const auto now = std::find_if(next.segments().begin(), next.segments().end(),
                                  [&](const auto& segment) { return segment.id() == before.id(); });
    const bool is_gone = now == next.segments().end();
    if (!is_gone && now->metadata_generation() == before.metadata_generation()) continue;
    touch(before);
    unnamed_.push_back({before.id(), before.metadata_generation(), is_gone});
  }
  return next;
}

absl::Status ManifestKeeper::DropUnneeded(const store::ManifestRecord& manifest,
                                          const index::OrdinalRange& range,
                                          storage::Sequence keep_after,
                                          storage::CommitBatch* batch) const {
  const storage::Reader reader = services_->store->Latest();
  Runs tombstones;
  KITH_RETURN_IF_ERROR(reader.ScanTombstones(
      shard_, space_, range.begin, range.end,
      [&](const storage::Tombstone& row) {
        tombstones.Add(row.first, row.sequence > keep_after ||
                                      IsNeeded(manifest, &store::SegmentRecord::built_at_sequence,
                                               row.first, row.count, row.sequence));
        return true;
      },
      Call::Background()));
  Runs updates;
  KITH_RETURN_IF_ERROR(reader.ScanUpdates(
      shard_, space_, range.begin, range.end,
      [&](const storage::MetadataUpdate& row) {
        updates.Add(row.first, row.sequence > keep_after ||
                                   IsNeeded(manifest, &store::SegmentRecord::metadata_at_sequence,
                                            row.first, row.count, row.sequence));
        return true;
      },
      Call::Background()));
  for (const auto& run : tombstones.ranges()) {
    batch->DropTombstones(shard_, space_, run.begin, run.end);
  }
  for (const auto& run : updates.ranges()) batch->DropUpdates(shard_, space_, run.begin, run.end);
  return absl::OkStatus();
}

absl::Status ManifestKeeper::Commit(store::ManifestRecord next, const index::OrdinalRange& touched,
                                    storage::Sequence keep_after) {
  record_ = std::move(next);
  storage::CommitBatch batch(*services_->store);
  if (!stored_) batch.PutManifest(shard_, space_, record_);
  KITH_RETURN_IF_ERROR(DropUnneeded(record_, touched, keep_after, &batch));
  if (batch.empty()) return absl::OkStatus();
  KITH_RETURN_IF_ERROR(services_->store->Commit(
      batch, stored_ ? storage::Durability::kApplied : storage::Durability::kSynced));
  stored_ = true;
  RemoveUnnamed();
  return absl::OkStatus();
}

absl::Status ManifestKeeper::Follow(const index::IndexView& view,
                                    std::span<const store::SegmentRecord> added,
                                    storage::Sequence keep_after) {
  index::OrdinalRange touched;
  store::ManifestRecord next = Next(view, added, &touched);
  if (touched.begin != touched.end) stored_ = false;
  return Commit(std::move(next), touched, keep_after);
}

absl::Status ManifestKeeper::FollowLoaded(const index::IndexView& view, storage::Ordinal end) {
  index::OrdinalRange touched;
  store::ManifestRecord next = Next(view, {}, &touched);
  if (touched.begin != touched.end) stored_ = false;
  return Commit(std::move(next), {0, end}, std::numeric_limits<storage::Sequence>::max());
}

void ManifestKeeper::RemoveUnnamed() {
  const storage::SegmentFiles& files = services_->store->segments();
  for (const Unnamed& one : unnamed_) {
    absl::Status removed =
        one.whole ? files.Remove(shard_, space_, one.id, one.metadata_generation)
                  : files.RemoveMetadata(shard_, space_, one.id, one.metadata_generation);
    if (!removed.ok()) services_->Report(Event::Level::kWarning, std::string(removed.message()));
  }
  unnamed_.clear();
}

}  // namespace kith::engine
