// Carrying out what shard_indexer.cc decided: builds, repairs, and their installation.

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "absl/synchronization/notification.h"
#include "index/index_writer.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/indexing/replay.h"
#include "server/engine/indexing/segment_job.h"
#include "server/engine/indexing/shard_indexer.h"
#include "server/engine/space_index.h"

namespace kith::engine {
namespace {

// Of failures in a row: waits double from the first to the last.
constexpr std::chrono::milliseconds kBackoffMin{1000};
constexpr std::chrono::milliseconds kBackoffMax{60'000};
// Builds of so many rows get further threads, if some are idle.
constexpr uint64_t kThreadedRows = 32'768;
// How many rows of a build the parts count for that come before and after its graph.
constexpr double kGraphShare = 0.9;

// What is left of a build's inputs in a View of now: those that were dropped since have no live
// row.
std::vector<index::SegmentView> Present(const index::IndexView& view, const IndexBuild& build) {
  std::vector<index::SegmentView> present;
  for (const index::SegmentView& segment : view.segments()) {
    if (build.Takes(segment)) present.push_back(segment);
  }
  return present;
}

}  // namespace

void ShardIndexer::Run(const std::shared_ptr<IndexBuild>& build) {
  build->begin_ns.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  build->running.store(true, std::memory_order_relaxed);
  absl::Status status = build->call->Check();
  if (status.ok()) {
    status = build->kind == IndexBuild::Kind::kRepair ? Repair(build.get())
             : build->kind == IndexBuild::Kind::kFold ? Fold(build.get())
                                                      : Build(build.get());
  }
  Finish(build, status);
}

std::shared_ptr<const View> ShardIndexer::TakeView(IndexBuild* build) const {
  // Under the lock: an installation that did not see this build comes before the View, which then
  // has all that it drops.
  absl::MutexLock lock(&mu_);
  std::shared_ptr<const View> view = space_->view();
  build->sequence = view->sequence;
  return view;
}

uint64_t ShardIndexer::SeenByBuilds() const {
  absl::MutexLock lock(&mu_);
  uint64_t seen = std::numeric_limits<uint64_t>::max();
  for (const auto& build : builds_) seen = std::min(seen, build->sequence.value_or(seen));
  return seen;
}

absl::Status ShardIndexer::Build(IndexBuild* build) {
  const std::shared_ptr<const View> view = TakeView(build);
  const std::vector<index::SegmentView> inputs = Present(view->index, *build);
  if (inputs.empty()) return absl::OkStatus();
  SegmentJob job;
  job.inputs = inputs;
  job.provisional = build->kind == IndexBuild::Kind::kSeal && !build->forced &&
                    view->index.segments().size() > inputs.size();
  job.sequence = view->sequence;
  {
    absl::MutexLock lock(&mu_);
    job.id = next_id_++;
    job.settings = settings_;
  }
  const IndexScheduler::Helpers helpers(
      &services_->indexing, build->total >= kThreadedRows ? services_->indexing.threads() : 0);
  job.threads = 1 + helpers.count();
  const auto progress = [build](index::BuildPhase phase, uint64_t done, uint64_t total) {
    if (phase != index::BuildPhase::kGraph || total == 0) return;
    const double share = kGraphShare * static_cast<double>(done) / static_cast<double>(total);
    build->done.store(static_cast<uint64_t>(share * static_cast<double>(build->total)),
                      std::memory_order_relaxed);
  };
  KITH_ASSIGN_OR_RETURN(MadeSegment made,
                        MakeSegment(*services_, space_->identity(), view->index.options(), job,
                                    progress, *build->call));
  std::vector<store::SegmentRecord> added;
  if (made.segment != nullptr) added.push_back(made.record);
  absl::Status installed = Install(added, [&](index::IndexWriter& index) {
    return index.Replace(inputs, made.segment, made.metadata);
  });
  if (!installed.ok() && made.segment != nullptr) {
    services_->store->segments()
        .Remove(space_->identity().shard, space_->identity().space, job.id,
                made.record.metadata_generation())
        .IgnoreError();  // an orphan goes at the next start
  }
  KITH_RETURN_IF_ERROR(installed);
  const double seconds =
      1e-9 * static_cast<double>(Clock::now().time_since_epoch().count() -
                                 build->begin_ns.load(std::memory_order_relaxed));
  if (build->kind == IndexBuild::Kind::kSeal) debt_.NoteSealed(build->total, seconds);
  services_->Report(Event::Level::kInfo,
                    fmt::format("shard {}: {} passages became {} in {:.1f} s (segments before: {})",
                                space_->identity().shard, build->total,
                                made.segment == nullptr ? "nothing, none is left"
                                                        : fmt::format("segment {}", job.id),
                                seconds, inputs.size()));
  absl::MutexLock lock(&mu_);
  build_seconds_[job.id] = seconds;
  return absl::OkStatus();
}

absl::Status ShardIndexer::Repair(IndexBuild* build) {
  const std::shared_ptr<const View> view = space_->view();
  const std::vector<index::SegmentView> present = Present(view->index, *build);
  if (present.empty()) return absl::OkStatus();
  const index::SegmentView& damaged = present.front();
  services_->Report(
      Event::Level::kError,
      fmt::format("{} is damaged: its {} passages are read from storage and indexed anew",
                  damaged.sealed->paths().rows, damaged.live_rows()));
  KITH_ASSIGN_OR_RETURN(auto rows, index::IndexWriter::Create(view->index.options()));
  const storage::Reader reader(view->snapshot);
  KITH_RETURN_IF_ERROR(ReplayRange({reader, space_->identity(), *space_->rows(), view->sequence},
                                   damaged.sealed->range(), nullptr, *build->call, rows.get()));
  return Install(
      {}, [&](index::IndexWriter& index) { return index.ReplaceByRows(damaged, std::move(rows)); });
}

absl::Status ShardIndexer::Fold(IndexBuild* build) {
  const std::shared_ptr<const View> view = TakeView(build);
  const std::vector<index::SegmentView> present = Present(view->index, *build);
  if (present.empty()) return absl::OkStatus();
  const index::SegmentView& segment = present.front();
  store::SegmentRecord record;
  {
    absl::MutexLock lock(&mu_);
    for (const store::SegmentRecord& known : records_.segments()) {
      if (IsRecordOf(known, segment)) record = known;
    }
  }
  if (record.id() == 0) return absl::OkStatus();  // replaced since the View
  KITH_ASSIGN_OR_RETURN(const MadeSegment made,
                        FoldSegment(*services_, space_->identity(), view->index.options(), segment,
                                    record, view->sequence, *build->call));
  bool is_there = false;
  absl::Status installed = Install({made.record}, [&](index::IndexWriter& index) {
    is_there = index.ReplaceMetadata(segment, made.metadata);
    return absl::OkStatus();
  });
  if (!installed.ok() || !is_there) {
    services_->store->segments()
        .RemoveMetadata(space_->identity().shard, space_->identity().space, record.id(),
                        made.record.metadata_generation())
        .IgnoreError();  // an orphan goes at the next start
    return installed;
  }
  services_->Report(
      Event::Level::kInfo,
      fmt::format(
          "shard {}: the metadata of segment {} was written anew, with {} updated rows in it",
          space_->identity().shard, record.id(), segment.metadata.overlay_rows()));
  return absl::OkStatus();
}

absl::Status ShardIndexer::Install(std::vector<store::SegmentRecord> added,
                                   const std::function<absl::Status(index::IndexWriter&)>& change) {
  absl::Status status;
  const auto work = [&](index::IndexWriter& index) {
    {
      absl::MutexLock lock(&mu_);
      if (stopped_) {
        status = Error(absl::StatusCode::kCancelled, reason::kCancelled,
                       "the collection has been deleted");
      }
    }
    if (status.ok()) status = change(index);
    if (!status.ok()) return false;
    absl::Status stored = manifest_->Follow(index.Publish(), added, SeenByBuilds());
    if (!stored.ok()) {
      services_->Report(Event::Level::kWarning,
                        "the manifest could not be stored, the index in memory goes on: " +
                            std::string(stored.message()));
    }
    absl::MutexLock lock(&mu_);
    records_ = manifest_->record();
    return true;
  };
  // By reference: this thread waits.
  absl::Notification done;
  space_->OnStrand(work, [&done] { done.Notify(); });
  done.WaitForNotification();
  return status;
}

void ShardIndexer::CloseGrowing(index::IndexWriter* index) {
  absl::MutexLock lock(&mu_);
  closing_ = false;
  const std::shared_ptr<const View> view = space_->view();
  const auto segments = view->index.segments();
  if (stopped_ || segments.empty()) return;
  index->CloseGrowing();
  closed_before_ = segments.back().last_ordinal() + 1;
}

void ShardIndexer::Finish(const std::shared_ptr<IndexBuild>& build, const absl::Status& status) {
  std::vector<Asked> failed;
  {
    absl::MutexLock lock(&mu_);
    std::erase(builds_, build);
    closed_seen_ = 0;
    if (status.ok()) {
      backoff_ = {};
      last_error_.clear();
      if (build->kind == IndexBuild::Kind::kSeal) ++seals_;
      if (build->kind == IndexBuild::Kind::kMerge) ++merges_;
      if (build->kind == IndexBuild::Kind::kRepair) ++repairs_;
      if (build->kind == IndexBuild::Kind::kRepair) repair_failed_ = false;
      for (Asked& asked : asked_) asked.rewrote = asked.rewrote || build->forced;
    } else if (!absl::IsCancelled(status)) {
      ++failures_;
      last_error_ = std::string(status.message());
      // A repair that finds the rows gone as well has nothing to wait for but a backup.
      if (build->kind == IndexBuild::Kind::kRepair && absl::IsDataLoss(status)) {
        repair_failed_ = true;
      }
      backoff_ = std::clamp(2 * backoff_, kBackoffMin, kBackoffMax);
      not_before_ = Clock::now() + backoff_;
      failed.swap(asked_);
    }
  }
  if (!status.ok() && !absl::IsCancelled(status)) {
    services_->Report(
        Event::Level::kWarning,
        "building a segment failed, it is tried again later: " + std::string(status.message()));
  }
  for (const Asked& one : failed) one.request.done(status);
  Look();
}

void ShardIndexer::Scrub() {
  services_->indexing.Submit(IndexScheduler::Kind::kIdle, [weak = space_->weak_from_this()] {
    const std::shared_ptr<SpaceIndex> space = weak.lock();
    if (space == nullptr) return;
    ShardIndexer& self = space->indexer();
    const std::shared_ptr<Call> call = self.services_->indexing.NewCall();
    const std::shared_ptr<const View> view = space->view();
    for (const index::SegmentView& segment : view->index.segments()) {
      if (segment.sealed == nullptr) continue;
      {
        absl::MutexLock lock(&self.mu_);
        if (self.stopped_) return;
      }
      // Damage flags the segment: Look sees to it.
      segment.VerifyAll(*call).IgnoreError();
    }
    self.Look();
  });
}

}  // namespace kith::engine
