#include "server/engine/indexing/segment_loader.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "index/vector_check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/indexing/manifest_keeper.h"
#include "storage/store.h"

namespace kith::engine {
namespace {

// Rows for which replay takes memory at a time.
constexpr uint64_t kReplayRows = 1024;

// Takes rows of storage into an index.
class Replay {
 public:
  Replay(uint64_t rows, const LoadProgress& progress, index::IndexWriter* index)
      : rows_(rows), before_(index->live_rows()), progress_(progress), index_(index) {}

  // False to stop: see status().
  bool Visit(uint64_t ordinal, uint32_t passage_index, std::span<const float> vector) {
    status_ = Add(ordinal, passage_index, vector);
    return status_.ok();
  }
  const absl::Status& status() const { return status_; }

 private:
  absl::Status Add(uint64_t ordinal, uint32_t passage_index, std::span<const float> vector) {
    const index::IndexOptions& options = index_->options();
    if (absl::Status bad = index::ValidateVector(vector, options.metric, options.dimension);
        !bad.ok()) {
      return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                   "the stored vector of ordinal {} is damaged: {}", ordinal,
                   std::string(bad.message()));
    }
    if (reserved_ == 0) {
      reserved_ = rows_ > count_ ? std::min(kReplayRows, rows_ - count_) : 1;
      KITH_RETURN_IF_ERROR(index_->Reserve(reserved_));
    }
    index_->Append(ordinal, passage_index, vector);
    --reserved_;
    ++count_;
    if (progress_) progress_(before_ + count_);
    return absl::OkStatus();
  }

  const uint64_t rows_;
  const uint64_t before_;
  const LoadProgress& progress_;
  index::IndexWriter* const index_;
  uint64_t reserved_ = 0;
  uint64_t count_ = 0;
  absl::Status status_;
};

absl::StatusOr<std::shared_ptr<const index::SealedSegment>> OpenSegment(
    const Services& services, const ShardIdentity& shard, const index::IndexOptions& options,
    const store::SegmentRecord& record, const Call& call) {
  const storage::SegmentFiles& files = services.store->segments();
  KITH_ASSIGN_OR_RETURN(
      auto segment, index::SealedSegment::Open(options,
                                               {files.GraphPath(shard.shard, kSpace, record.id()),
                                                files.RowsPath(shard.shard, kSpace, record.id())},
                                               call));
  if (!IsRecordOf(record, *segment)) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                 "{} is whole, but of another build than the manifest's", segment->paths().graph);
  }
  return segment;
}

// Loads what the manifest and the rows say, without comparing it with the counts.
class Loader {
 public:
  Loader(const Services& services, const ShardIdentity& shard, const store::ShardState& state,
         const LoadProgress& progress, const Call& call)
      : services_(services),
        shard_(shard),
        rows_(state.live_passages()),
        end_(state.spaces().empty() ? 0 : state.spaces(0).next_ordinal()),
        progress_(progress),
        call_(call),
        reader_(services.store->Latest()) {}

  absl::StatusOr<std::unique_ptr<index::IndexWriter>> Load(const store::ManifestRecord& manifest) {
    KITH_ASSIGN_OR_RETURN(index_, index::IndexWriter::Create(
                                      {.dimension = shard_.dimension, .metric = shard_.metric}));
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
      index_->AddSealed(*std::move(segment));
      if (progress_) progress_(std::min(index_->live_rows(), rows_));
      loaded_to = record.end_ordinal();
    }
    KITH_RETURN_IF_ERROR(ReplayTo(loaded_to, end_));
    // What storage's rows do not show by themselves: deletes since the segments were built.
    KITH_RETURN_IF_ERROR(reader_.ScanTombstones(
        shard_.shard, kSpace, 0, end_,
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
    const uint64_t rows = rows_ > index_->live_rows() ? rows_ - index_->live_rows() : 0;
    return ReplayRange(reader_, shard_, {begin, end}, rows, progress_, call_, index_.get());
  }

  const Services& services_;
  const ShardIdentity& shard_;
  const uint64_t rows_;  // live ones, as the state counts them
  const uint64_t end_;
  const LoadProgress& progress_;
  const Call& call_;
  const storage::Reader reader_;
  std::unique_ptr<index::IndexWriter> index_;
};

}  // namespace

absl::Status ReplayRange(const storage::Reader& reader, const ShardIdentity& shard,
                         index::OrdinalRange range, uint64_t rows, const LoadProgress& progress,
                         const Call& call, index::IndexWriter* index) {
  Replay replay(rows, progress, index);
  KITH_RETURN_IF_ERROR(reader.ScanVectors(
      shard.shard, kSpace, shard.dimension, range.begin, range.end,
      [&](uint64_t ordinal, uint32_t passage_index, std::span<const float> vector) {
        return replay.Visit(ordinal, passage_index, vector);
      },
      call));
  return replay.status();
}

absl::StatusOr<std::unique_ptr<index::IndexWriter>> LoadIndex(
    const Services& services, const ShardIdentity& shard, const store::ShardState& state,
    const store::ManifestRecord& manifest, const LoadProgress& progress, const Call& call) {
  KITH_ASSIGN_OR_RETURN(auto index, Loader(services, shard, state, progress, call).Load(manifest));
  if (index->live_rows() == state.live_passages()) return index;
  // Segments can be thrown away, the rows cannot: ask them alone before anything is called lost.
  if (manifest.segments_size() > 0) {
    services.Report(Event::Level::kWarning,
                    fmt::format("the segments of shard {} show {} passages instead of {}: they are "
                                "thrown away, and all is indexed anew from storage",
                                shard.shard, index->live_rows(), state.live_passages()));
    index.reset();
    KITH_ASSIGN_OR_RETURN(index, Loader(services, shard, state, progress, call).Load({}));
    if (index->live_rows() == state.live_passages()) return index;
  }
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
               "shard {} should have {} passages, {} are stored: restore a backup, or delete the "
               "collection",
               shard.shard, state.live_passages(), index->live_rows());
}

}  // namespace kith::engine
