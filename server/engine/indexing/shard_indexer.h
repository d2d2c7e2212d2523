// ShardIndexer: keeps one index of a shard in shape. It looks at the index's View whenever
// something may have changed, asks the merge policy what to build, has it built by the
// IndexScheduler, and installs the result on the shard's strand:
//
//   Look -> PlanBuilds -> [IndexScheduler] MakeSegment -> [strand] Replace, manifest, publish ->
//   Look
//
// A segment that a search or a build found damaged is replaced by its rows from storage in the same
// way, which are then sealed anew; the metadata of one of which much was updated is written anew by
// itself (a fold). Nothing here is needed to stop or to start: what was not built
// is built another time.
//
// Thread-safe. Owned by its SpaceIndex.

#ifndef KITH_SERVER_ENGINE_INDEXING_SHARD_INDEXER_H_
#define KITH_SERVER_ENGINE_INDEXING_SHARD_INDEXER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "index/index_view.h"
#include "index/index_writer.h"
#include "kith/base/call.h"
#include "kith/store/catalog.pb.h"
#include "server/engine/index_admin.h"
#include "server/engine/indexing/index_build.h"
#include "server/engine/indexing/index_debt.h"
#include "server/engine/indexing/manifest_keeper.h"
#include "server/engine/indexing/merge_policy.h"
#include "server/engine/schema.h"
#include "server/engine/services.h"
#include "server/engine/view.h"

namespace kith::engine {

class SpaceIndex;

// Index work that somebody asked for.
struct IndexRequest {
  bool merge = false;  // else: seal
  std::shared_ptr<const Call> call;
  std::function<void(const std::string& phase, uint64_t done, uint64_t total)> progress;
  // Once, from a thread of the engine; not at all when the server ends before.
  std::function<void(absl::Status)> done;
};

class ShardIndexer {
 public:
  // Both must outlive it.
  ShardIndexer(const Services* services, SpaceIndex* space);
  ShardIndexer(const ShardIndexer&) = delete;
  ShardIndexer& operator=(const ShardIndexer&) = delete;

  // Once the index is loaded, and its View published.
  void Begin(std::unique_ptr<ManifestKeeper> manifest) ABSL_LOCKS_EXCLUDED(mu_);
  // For segments that are built from now on.
  void Configure(const IndexSettings& settings) ABSL_LOCKS_EXCLUDED(mu_);

  // After each View, from the strand.
  void Published(const View& view) ABSL_LOCKS_EXCLUDED(mu_);

  // The rows that are there now are to be sealed, or sealed and merged.
  void Ask(IndexRequest request) ABSL_LOCKS_EXCLUDED(mu_);

  // A search on `view` failed with `status`. If a damaged segment is why, the repair begins, and
  // the answer is UNAVAILABLE / INDEX_REPAIR until it has failed, too.
  absl::Status AfterFailure(const View& view, absl::Status status) ABSL_LOCKS_EXCLUDED(mu_);

  // Reads every sealed segment again, when nothing else is to do; damaged ones are repaired.
  void Scrub();

  // The collection is deleted: builds are cancelled, and nothing is installed any more. Resume: it
  // is not, after all.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);
  void Resume() ABSL_LOCKS_EXCLUDED(mu_);

  const IndexDebt& debt() const { return debt_; }
  IndexStatus Status(const View& view) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Clock = Call::Clock;
  struct Asked {
    IndexRequest request;
    uint64_t until = 0;    // ordinals below are to be sealed
    bool rewrote = false;  // a build of this request has ended
    bool merged = false;   // there is nothing more to merge for it
  };

  // Begins whatever is to do and not begun.
  void Look() ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<SegmentFacts> FactsOf(const index::IndexView& view) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsClosed(const index::IndexView& view, size_t segment) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsBusy(const index::SegmentView& segment) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PlanRepairs(const index::IndexView& view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PlanBuildsOf(const index::IndexView& view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PlanFolds(const index::IndexView& view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // How many builds the policy wants.
  size_t StartPlans(const index::IndexView& view, std::span<const SegmentFacts> facts,
                    const PolicyOptions& policy, bool forced) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ForceMerge(const index::IndexView& view, std::vector<SegmentFacts> facts,
                  PolicyOptions policy) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CloseIfDue(const index::IndexView& view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  PolicyOptions Policy() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Start(IndexBuild::Kind kind, std::span<const index::SegmentView> inputs, bool forced)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Those that are answered now.
  std::vector<std::function<void()>> TakeAnswered(const index::IndexView& view)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // The View that a build works on, from which on nothing is dropped that came after it.
  std::shared_ptr<const View> TakeView(IndexBuild* build) const ABSL_LOCKS_EXCLUDED(mu_);
  // The commit up to which all builds under way know everything.
  uint64_t SeenByBuilds() const ABSL_LOCKS_EXCLUDED(mu_);

  // On a thread of the scheduler.
  void Run(const std::shared_ptr<IndexBuild>& build) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Build(IndexBuild* build) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Repair(IndexBuild* build) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Fold(IndexBuild* build) ABSL_LOCKS_EXCLUDED(mu_);
  void Finish(const std::shared_ptr<IndexBuild>& build, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Runs `change` on the strand, follows it with the manifest, publishes; returns when that is
  // done.
  absl::Status Install(std::vector<store::SegmentRecord> added,
                       const std::function<absl::Status(index::IndexWriter&)>& change)
      ABSL_LOCKS_EXCLUDED(mu_);
  // On the strand: the segment under way takes no more rows.
  void CloseGrowing(index::IndexWriter* index) ABSL_LOCKS_EXCLUDED(mu_);

  // A Look at that time or before.
  void LookAt(Clock::time_point when) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const Services* const services_;
  SpaceIndex* const space_;

  IndexDebt debt_;

  // Set by Begin, then touched on the strand alone.
  std::unique_ptr<ManifestKeeper> manifest_;

  mutable absl::Mutex mu_;
  bool begun_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  IndexSettings settings_ ABSL_GUARDED_BY(mu_);
  store::ManifestRecord records_ ABSL_GUARDED_BY(mu_);  // as the strand left them
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<uint64_t, double> build_seconds_ ABSL_GUARDED_BY(mu_);         // by segment
  std::vector<std::shared_ptr<IndexBuild>> builds_ ABSL_GUARDED_BY(mu_);  // queued and running
  std::vector<Asked> asked_ ABSL_GUARDED_BY(mu_);
  uint64_t closed_before_ ABSL_GUARDED_BY(mu_) = 0;  // growing segments below take no more rows
  bool closing_ ABSL_GUARDED_BY(mu_) = false;        // CloseGrowing is on the strand
  uint64_t sequence_ ABSL_GUARDED_BY(mu_) = 0;       // of the last View, and when it came
  Clock::time_point last_write_ ABSL_GUARDED_BY(mu_);
  size_t closed_seen_ ABSL_GUARDED_BY(mu_) = 0;
  Clock::time_point next_look_ ABSL_GUARDED_BY(mu_) = Clock::time_point::max();
  // After a failure nothing is begun before this time.
  Clock::time_point not_before_ ABSL_GUARDED_BY(mu_);
  std::chrono::milliseconds backoff_ ABSL_GUARDED_BY(mu_){0};
  std::string last_error_ ABSL_GUARDED_BY(mu_);
  bool repair_failed_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t seals_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t merges_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t repairs_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t failures_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_SHARD_INDEXER_H_
