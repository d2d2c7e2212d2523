// Shard: the documents of a collection (one shard each in this version): the View that readers
// take, and the strand on which writes are committed.
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

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "kith/base/call.h"
#include "server/engine/committer.h"
#include "server/engine/executor.h"
#include "server/engine/indexing/recall_sampler.h"
#include "server/engine/indexing/shard_indexer.h"
#include "server/engine/row_maker.h"
#include "server/engine/schema.h"
#include "server/engine/services.h"
#include "server/engine/view.h"

namespace kith::engine {

class Shard : public std::enable_shared_from_this<Shard> {
 public:
  // `services` must outlive the shard.
  Shard(const Services* services, const ShardIdentity& identity,
        std::shared_ptr<const RowMaker> rows)
      : services_(services),
        identity_(identity),
        rows_(std::move(rows)),
        strand_(&services->commits),
        sampler_(services, this),
        indexer_(services, this) {}
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  const ShardIdentity& identity() const { return identity_; }
  const std::shared_ptr<const RowMaker>& rows() const { return rows_; }

  // Loads the index: segments from their files, what they do not cover from storage; nothing is
  // encoded. DATA_LOSS if what is stored does not agree with the shard's own counts. Once, before
  // anything below.
  absl::Status Load(const store::ShardState& state, const store::FieldRegistry& fields,
                    const store::ManifestRecord& manifest, const Call& call);
  // Rows read so far, and in all: for whoever waits for Load.
  uint64_t loaded_rows() const { return loaded_rows_.load(std::memory_order_relaxed); }
  uint64_t total_rows() const { return total_rows_.load(std::memory_order_relaxed); }

  std::shared_ptr<const View> view() const ABSL_LOCKS_EXCLUDED(view_mu_);
  CommitToken TokenOf(const View& view) const;

  // Queues a prepared write; its `done` is called from the strand. Writes that one thread hands
  // over are committed in that order.
  void Commit(std::unique_ptr<PreparedWrite> write) ABSL_LOCKS_EXCLUDED(mu_);

  // Calls `then` with OK once the commit that `token` names is visible, at once if it is; or with
  // why not: another shard's token (INVALID_COMMIT_TOKEN), or not visible before the call's
  // deadline (NOT_YET_APPLIED).
  void AwaitVisible(const CommitToken& token, const std::shared_ptr<const Call>& call,
                    std::function<void(absl::Status)> then) ABSL_LOCKS_EXCLUDED(mu_);

  // Runs `work` on the strand; when it returns true, what it changed is published; then `after` is
  // called there. Both before the shard is destroyed.
  void OnStrand(std::function<bool(Committer&)> work, std::function<void()> after);

  RecallSampler& sampler() { return sampler_; }
  ShardIndexer& indexer() { return indexer_; }
  const ShardIndexer& indexer() const { return indexer_; }

  // Ends writing for good or for a while: returns when what was queued has been answered; what
  // comes later is refused with NOT_FOUND. Blocks.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);
  void Reopen() ABSL_LOCKS_EXCLUDED(mu_);

  // Answers everybody who waits for a commit with DRAINING, now and from here on: the server stops.
  void EndWaits() ABSL_LOCKS_EXCLUDED(mu_);

  // Exchanges the View's storage snapshot for a fresh one of the same state, so that an idle shard
  // does not keep old rows of busy ones from being dropped.
  void RefreshSnapshot();

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
  void Publish(std::shared_ptr<const View> view) ABSL_LOCKS_EXCLUDED(mu_, view_mu_);

  std::vector<Committer::Write> TakeGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ExpireWaiter(uint64_t number, uint64_t asked) ABSL_LOCKS_EXCLUDED(mu_);

  // Constant after construction.
  const Services* const services_;
  const ShardIdentity identity_;
  const std::shared_ptr<const RowMaker> rows_;
  Strand strand_;

  // Own synchronisation.
  RecallSampler sampler_;
  ShardIndexer indexer_;

  // Relaxed: counters for people to look at.
  std::atomic<uint64_t> loaded_rows_{0};
  std::atomic<uint64_t> total_rows_{0};

  // Set by Load, then touched on the strand alone.
  std::unique_ptr<Committer> committer_;

  // Held for the copy of a pointer. (std::atomic<std::shared_ptr> of libstdc++ is a spin lock, too,
  // and one that ThreadSanitizer does not understand.)
  mutable absl::Mutex view_mu_;
  std::shared_ptr<const View> view_ ABSL_GUARDED_BY(view_mu_);

  absl::Mutex mu_;
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
