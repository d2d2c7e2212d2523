#include "server/engine/indexing/segment_loader.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "index/sealed_metadata.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/indexing/manifest_keeper.h"
#include "server/engine/indexing/segment_job.h"
#include "server/engine/records.h"
#include "storage/store.h"

namespace kith::engine {
namespace {

struct OpenedSegment {
  std::shared_ptr<const index::SealedSegment> segment;
  std::shared_ptr<const index::SealedMetadata> metadata;
};

absl::StatusOr<OpenedSegment> OpenSegment(const Services& services, const SpaceIdentity& shard,
                                          const index::IndexOptions& options,
                                          const store::SegmentRecord& record, const Call& call) {
  if (record.metadata_generation() == 0) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kFormatVersion,
                 "an older version of Kith wrote it, without terms and metadata");
  }
  const storage::SegmentFiles& files = services.store->segments();
  OpenedSegment opened;
  KITH_ASSIGN_OR_RETURN(opened.segment, index::SealedSegment::Open(
                                            options, PathsOf(files, shard, record.id()), call));
  KITH_ASSIGN_OR_RETURN(
      opened.metadata,
      index::SealedMetadata::Open(
          options, *opened.segment,
          files.MetadataPath(shard.shard, shard.space, record.id(), record.metadata_generation()),
          call));
  if (!IsRecordOf(record, *opened.segment, *opened.metadata)) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                 "{} and what belongs to it are whole, but of another build than the manifest's",
                 opened.segment->paths().graph);
  }
  return opened;
}

// Loads what the manifest and the rows say, without comparing it with the counts.
class Loader {
 public:
  Loader(const Services& services, const SpaceIdentity& shard, const RowMaker& rows,
         const store::ShardState& state, const LoadProgress& progress, const Call& call)
      : services_(services),
        shard_(shard),
        live_rows_(CounterOf(state, shard.space).live_passages()),
        end_(CounterOf(state, shard.space).next_ordinal()),
        progress_(progress),
        call_(call),
        reader_(services.store->Latest()),
        source_{reader_, shard_, rows, state.sequence()} {}

  absl::StatusOr<std::unique_ptr<index::IndexWriter>> Load(const store::ManifestRecord& manifest) {
    KITH_ASSIGN_OR_RETURN(index_, index::IndexWriter::Create(IndexOptionsOf(shard_, source_.rows)));
    uint64_t loaded_to = 0;
    for (const store::SegmentRecord& record : manifest.segments()) {
      auto segment = OpenSegment(services_, shard_, index_->options(), record, call_);
      KITH_RETURN_IF_ERROR(call_.Check());
      if (!segment.ok()) {
        services_.Report(
            Event::Level::kWarning,
            fmt::format("segment {} of shard {} cannot be used, its ordinals [{}, {}) "
                        "are read from storage and indexed anew: {}",
                        record.id(), shard_.shard, record.begin_ordinal(), record.end_ordinal(),
                        std::string(segment.status().message())));
        continue;
      }
      KITH_RETURN_IF_ERROR(ReplayTo(loaded_to, record.begin_ordinal()));
      index_->AddSealed(std::move(segment->segment), std::move(segment->metadata));
      if (progress_) progress_(std::min(index_->live_rows(), live_rows_));
      loaded_to = record.end_ordinal();
    }
    KITH_RETURN_IF_ERROR(ReplayTo(loaded_to, end_));
    // What the segments' files do not know: updates and deletes since they were written. All update
    // rows that are there, since a document's passages can lie in two segments, of which one was
    // written since; an update that a segment has already changes nothing.
    KITH_RETURN_IF_ERROR(ReplayUpdates(source_, {0, end_}, call_, index_.get()));
    KITH_RETURN_IF_ERROR(reader_.ScanTombstones(
        shard_.shard, shard_.space, 0, end_,
        [this](const storage::Tombstone& tombstone) {
          index_->Delete({tombstone.first, tombstone.first + tombstone.count});
          return true;
        },
        call_));
    return std::move(index_);
  }

 private:
  absl::Status ReplayTo(uint64_t begin, uint64_t end) {
    if (begin >= end) return absl::OkStatus();
    return ReplayRange(source_, {begin, end}, progress_, call_, index_.get());
  }

  const Services& services_;
  const SpaceIdentity& shard_;
  const uint64_t live_rows_;  // as the state counts them
  const uint64_t end_;
  const LoadProgress& progress_;
  const Call& call_;
  const storage::Reader reader_;
  const ReplaySource source_;  // refers to reader_
  std::unique_ptr<index::IndexWriter> index_;
};

}  // namespace

index::IndexOptions IndexOptionsOf(const SpaceIdentity& shard, const RowMaker& rows) {
  return {.dimension = shard.dimension,
          .metric = shard.metric,
          .companions = true,
          .analyser = rows.analyser_identity()};
}

absl::StatusOr<std::unique_ptr<index::IndexWriter>> LoadIndex(
    const Services& services, const SpaceIdentity& shard, const RowMaker& rows,
    const store::ShardState& state, const store::ManifestRecord& manifest,
    const LoadProgress& progress, const Call& call) {
  const uint64_t live = CounterOf(state, shard.space).live_passages();
  KITH_ASSIGN_OR_RETURN(auto index,
                        Loader(services, shard, rows, state, progress, call).Load(manifest));
  if (index->live_rows() == live) return index;
  // Segments can be thrown away, the rows cannot: ask them alone before anything is called lost.
  if (manifest.segments_size() > 0) {
    services.Report(Event::Level::kWarning,
                    fmt::format("the segments of shard {}, space {} show {} passages instead of "
                                "{}: they are thrown away, and all is indexed anew from storage",
                                shard.shard, shard.space, index->live_rows(), live));
    index.reset();
    KITH_ASSIGN_OR_RETURN(index, Loader(services, shard, rows, state, progress, call).Load({}));
    if (index->live_rows() == live) return index;
  }
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
               "shard {} should have {} passages in space {}, {} are stored: restore a backup, or "
               "delete the collection",
               shard.shard, live, shard.space, index->live_rows());
}

}  // namespace kith::engine
