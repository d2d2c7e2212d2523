// Shard: the documents of a collection (one shard each in this version): the strand on which writes
// are committed, and the indexes of its vector spaces, whose Views readers take.
//
// Thread-safe. Held by shared pointers: a deleted collection's shard lives until its last reader
// lets go.

#ifndef KITH_SERVER_ENGINE_SHARD_H_
#define KITH_SERVER_ENGINE_SHARD_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "kith/base/call.h"
#include "server/engine/committer.h"
#include "server/engine/executor.h"
#include "server/engine/row_maker.h"
#include "server/engine/schema.h"
#include "server/engine/services.h"
#include "server/engine/shard_identity.h"
#include "server/engine/space_index.h"
#include "server/engine/view.h"

namespace kith::engine {

// A space, and what the catalog says of its segments.
struct SpaceToLoad {
  std::shared_ptr<SpaceIndex> index;
  store::ManifestRecord manifest;
};

class Shard : public std::enable_shared_from_this<Shard> {
 public:
  // `services` must outlive the shard.
  Shard(const Services* services, const ShardIdentity& identity,
        std::shared_ptr<const RowMaker> rows)
      : services_(services),
        identity_(identity),
        rows_(std::move(rows)),
        strand_(&services->commits) {}
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  const ShardIdentity& identity() const { return identity_; }
  const std::shared_ptr<const RowMaker>& rows() const { return rows_; }

  // A space of this shard, to be given to Load or ChangeSpaces.
  std::shared_ptr<SpaceIndex> NewSpace(uint16_t space, uint32_t dimension, Metric metric) const;

  // Loads the spaces: segments from their files, what they do not cover from storage; nothing is
  // encoded. DATA_LOSS if what is stored does not agree with the shard's own counts. Once, before
  // anything below. REQUIRES: the served space is the first of `spaces`.
  absl::Status Load(const store::ShardState& state, const store::FieldRegistry& fields,
                    std::vector<SpaceToLoad> spaces, const Call& call);
  // Rows read so far, and in all: for whoever waits for Load.
  uint64_t loaded_rows() const { return loaded_rows_.load(std::memory_order_relaxed); }
  uint64_t total_rows() const { return total_rows_.load(std::memory_order_relaxed); }

  // The spaces that writes go to, the served one first. Quick.
  std::vector<std::shared_ptr<SpaceIndex>> spaces() const ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<SpaceIndex> served() const ABSL_LOCKS_EXCLUDED(mu_);
  CommitToken TokenOf(const View& view) const;

  // Queues a prepared write; its `done` is called from the strand. Writes that one thread hands
  // over are committed in that order.
  void Commit(std::unique_ptr<PreparedWrite> write) ABSL_LOCKS_EXCLUDED(mu_);

  // Calls `then` with OK once the commit that `token` names is visible, at once if it is; or with
  // why not: another shard's token (INVALID_COMMIT_TOKEN), or not visible before the call's
  // deadline (NOT_YET_APPLIED).
  void AwaitVisible(const CommitToken& token, const std::shared_ptr<const Call>& call,
                    std::function<void(absl::Status)> then) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes go to these spaces from the next commit on, the served one first. One synced commit of
  // `batch`, the rows of those that are dropped by it, and the shard's state. On an error nothing
  // has changed. Blocks: not on a thread of the strand. `when`: asked on the strand at that moment;
  // an error of it is returned, and nothing changes.
  absl::Status ChangeSpaces(std::vector<std::shared_ptr<SpaceIndex>> spaces,
                            storage::CommitBatch* batch,
                            const std::function<absl::Status(const store::ShardState&)>& when)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends writing for good or for a while: returns when what was queued has been answered; what
  // comes later is refused with NOT_FOUND. Blocks.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);
  void Reopen() ABSL_LOCKS_EXCLUDED(mu_);

  // Answers everybody who waits for a commit with DRAINING, now and from here on: the server stops.
  void EndWaits() ABSL_LOCKS_EXCLUDED(mu_);

  // Of all spaces: see SpaceIndex.
  void RefreshSnapshot();
  // Reads all sealed segments again, when nothing else is to do.
  void Scrub();
  // The collection is deleted: no builds any more. Resume: it is not, after all.
  void StopIndexing();
  void ResumeIndexing();

  // Ends a pause of the writers at once; the server's end begins with it.
  void EndPause() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Waiter {
    uint64_t sequence = 0;
    std::function<void(absl::Status)> then;
  };

  // On the strand.
  void CommitWaiting();
  // Whether writers have to wait, now that `rows` were written.
  bool Pause(uint64_t rows) ABSL_LOCKS_EXCLUDED(mu_);
  void Publish(const std::vector<std::shared_ptr<const View>>& views) ABSL_LOCKS_EXCLUDED(mu_);

  uint64_t sequence() const ABSL_LOCKS_EXCLUDED(mu_);

  std::vector<Committer::Write> TakeGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ExpireWaiter(uint64_t number, uint64_t asked) ABSL_LOCKS_EXCLUDED(mu_);

  // Constant after construction.
  const Services* const services_;
  const ShardIdentity identity_;
  const std::shared_ptr<const RowMaker> rows_;
  Strand strand_;

  // Relaxed: counters for people to look at.
  std::atomic<uint64_t> loaded_rows_{0};
  std::atomic<uint64_t> total_rows_{0};

  // Set by Load, then touched on the strand alone.
  std::unique_ptr<Committer> committer_;

  mutable absl::Mutex mu_;
  std::vector<std::shared_ptr<SpaceIndex>> spaces_ ABSL_GUARDED_BY(mu_);
  uint64_t sequence_ ABSL_GUARDED_BY(mu_) = 0;  // that all spaces show
  std::deque<Committer::Write> queue_ ABSL_GUARDED_BY(mu_);
  bool scheduled_ ABSL_GUARDED_BY(mu_) = false;  // a turn of CommitWaiting is on the strand
  bool paused_ ABSL_GUARDED_BY(mu_) = false;     // that turn waits for the index to catch up
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool waits_ended_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t next_waiter_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, Waiter> waiters_ ABSL_GUARDED_BY(mu_);  // by number
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SHARD_H_
