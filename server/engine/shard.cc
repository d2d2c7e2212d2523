#include "server/engine/shard.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "index/index_writer.h"
#include "index/vector_check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/draining.h"
#include "storage/commit_batch.h"
#include "storage/store.h"

namespace kith::engine {
namespace {

// What one storage batch may hold: enough to share a sync among many, little enough that nobody
// waits long.
constexpr size_t kGroupBytes = 32 << 20;
constexpr size_t kGroupWrites = 256;
// Rows for which replay takes memory at a time.
constexpr uint64_t kReplayRows = 1024;
// How long a read without a deadline waits for a commit that it wants to see.
constexpr std::chrono::seconds kVisibleWait{30};

// Reads the rows of a shard back into an index.
class Replay {
 public:
  Replay(index::IndexWriter* index, uint64_t rows, std::atomic<uint64_t>* progress)
      : index_(index), rows_(rows), progress_(progress) {}

  // False to stop: see status().
  bool Visit(uint64_t ordinal, uint32_t passage_index, std::span<const float> vector) {
    status_ = Add(ordinal, passage_index, vector);
    return status_.ok();
  }
  const absl::Status& status() const { return status_; }
  uint64_t count() const { return count_; }

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
    progress_->store(count_, std::memory_order_relaxed);
    return absl::OkStatus();
  }

  index::IndexWriter* const index_;
  const uint64_t rows_;  // as the shard's state says
  std::atomic<uint64_t>* const progress_;
  uint64_t reserved_ = 0;
  uint64_t count_ = 0;
  absl::Status status_;
};

}  // namespace

absl::Status Shard::Load(const store::ShardState& state, const store::FieldRegistry& fields,
                         const Call& call) {
  total_rows_.store(state.live_passages(), std::memory_order_relaxed);
  KITH_ASSIGN_OR_RETURN(FieldRegistry registry, FieldRegistry::FromRecord(fields));
  KITH_ASSIGN_OR_RETURN(auto index, index::IndexWriter::Create({.dimension = identity_.dimension,
                                                                .metric = identity_.metric}));
  const uint64_t end = state.spaces().empty() ? 0 : state.spaces(0).next_ordinal();
  Replay replay(index.get(), state.live_passages(), &loaded_rows_);
  KITH_RETURN_IF_ERROR(services_->store->Latest().ScanVectors(
      identity_.shard, kSpace, identity_.dimension, 0, end,
      [&](uint64_t ordinal, uint32_t passage_index, std::span<const float> vector) {
        return replay.Visit(ordinal, passage_index, vector);
      },
      call));
  KITH_RETURN_IF_ERROR(replay.status());
  if (replay.count() != state.live_passages()) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                 "shard {} should have {} passages, {} are stored: restore a backup, or delete the "
                 "collection",
                 identity_.shard, state.live_passages(), replay.count());
  }
  // No segment is stored, so none needs to be told what was deleted: the replay has seen it.
  storage::CommitBatch batch(*services_->store);
  batch.DropTombstones(identity_.shard, kSpace, 0, end);
  KITH_RETURN_IF_ERROR(services_->store->Commit(batch, storage::Durability::kApplied));

  committer_ = std::make_unique<Committer>(services_, identity_, state, std::move(registry),
                                           std::move(index));
  Publish(committer_->MakeView());
  return absl::OkStatus();
}

std::shared_ptr<const View> Shard::view() const {
  absl::ReaderMutexLock lock(&view_mu_);
  return view_;
}

CommitToken Shard::TokenOf(const View& view) const {
  return {identity_.uuid, identity_.epoch, view.sequence};
}

void Shard::Publish(std::shared_ptr<const View> view) {
  const uint64_t sequence = view->sequence;
  {
    absl::MutexLock lock(&view_mu_);
    view_.swap(view);
  }
  view.reset();  // the old one: its last reference may drop a snapshot, which takes RocksDB's mutex
  std::vector<std::function<void(absl::Status)>> reached;
  {
    absl::MutexLock lock(&mu_);
    for (auto it = waiters_.begin(); it != waiters_.end();) {
      if (it->second.sequence > sequence) {
        ++it;
        continue;
      }
      reached.push_back(std::move(it->second.then));
      it = waiters_.erase(it);
    }
  }
  for (const auto& then : reached) then(absl::OkStatus());
}

void Shard::Commit(std::unique_ptr<PreparedWrite> write) {
  {
    absl::MutexLock lock(&mu_);
    if (!closed_) {
      queue_.push_back(std::move(write));
      if (scheduled_) return;
      scheduled_ = true;
    }
  }
  if (write != nullptr) {
    write->done(Error(absl::StatusCode::kNotFound, reason::kCollectionNotFound,
                      "the collection has been deleted"));
    return;
  }
  strand_.Post([self = shared_from_this()] { self->CommitWaiting(); });
}

std::vector<Committer::Write> Shard::TakeGroup() {
  std::vector<Committer::Write> group;
  size_t bytes = 0;
  while (!queue_.empty() && group.size() < kGroupWrites && bytes < kGroupBytes) {
    bytes += queue_.front()->memory.bytes();
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return group;
}

void Shard::CommitWaiting() {
  std::vector<Committer::Write> group;
  {
    absl::MutexLock lock(&mu_);
    group = TakeGroup();
  }
  Committer::Outcome outcome = committer_->Commit(group);
  if (outcome.view != nullptr) Publish(std::move(outcome.view));
  for (size_t i = 0; i < group.size(); ++i) {
    group[i]->memory = {};
    group[i]->done(std::move(outcome.answers[i]));
  }
  group.clear();
  {
    absl::MutexLock lock(&mu_);
    if (queue_.empty()) {
      scheduled_ = false;
      return;
    }
  }
  strand_.Post([self = shared_from_this()] { self->CommitWaiting(); });
}

void Shard::AwaitVisible(const CommitToken& token, const std::shared_ptr<const Call>& call,
                         std::function<void(absl::Status)> then) {
  if (token.shard != identity_.uuid || token.epoch != identity_.epoch) {
    return then(
        InvalidArgument(reason::kInvalidCommitToken,
                        "at_least: the token is not of this collection, or of a time before "
                        "it was restored")
            .Field("at_least"));
  }
  if (view()->sequence >= token.sequence) return then(absl::OkStatus());
  uint64_t number = 0;
  {
    absl::MutexLock lock(&mu_);
    if (!waits_ended_) {
      number = ++next_waiter_;
      waiters_[number] = {token.sequence, std::move(then)};
    }
  }
  if (number == 0) return then(Draining());
  // Published between the look and the entry: then nobody else may come to answer.
  if (auto now = view(); now->sequence >= token.sequence) {
    std::function<void(absl::Status)> mine;
    {
      absl::MutexLock lock(&mu_);
      if (auto waiter = waiters_.extract(number)) mine = std::move(waiter.mapped().then);
    }
    if (mine) mine(absl::OkStatus());
    return;
  }
  // A little before the deadline, so that the client hears why rather than that time is up.
  const auto now = Call::Clock::now();
  const auto deadline = std::min(call->deadline(), now + kVisibleWait);
  services_->timer.At(deadline - (deadline - now) / 10,
                      [weak = weak_from_this(), number, asked = token.sequence] {
                        if (auto self = weak.lock()) self->ExpireWaiter(number, asked);
                      });
}

void Shard::ExpireWaiter(uint64_t number, uint64_t asked) {
  std::function<void(absl::Status)> then;
  {
    absl::MutexLock lock(&mu_);
    auto waiter = waiters_.extract(number);
    if (!waiter) return;
    then = std::move(waiter.mapped().then);
  }
  const uint64_t applied = view()->sequence;
  then(Error(absl::StatusCode::kUnavailable, reason::kNotYetApplied, "applied {}, asked {}",
             applied, asked)
           .With("applied", applied)
           .With("asked", asked)
           .RetryAfter(absl::Milliseconds(500)));
}

void Shard::EndWaits() {
  std::map<uint64_t, Waiter> ended;
  {
    absl::MutexLock lock(&mu_);
    waits_ended_ = true;
    ended.swap(waiters_);
  }
  for (const auto& [number, waiter] : ended) waiter.then(Draining());
}

void Shard::Close() {
  {
    absl::MutexLock lock(&mu_);
    closed_ = true;
  }
  absl::Notification idle;
  // Looks again after every turn: what was queued before `closed_` may need several.
  std::function<void()> look = [&] {
    bool empty;
    {
      absl::MutexLock lock(&mu_);
      empty = queue_.empty() && !scheduled_;
    }
    if (!empty) return strand_.Post(look);
    idle.Notify();
  };
  strand_.Post(look);
  idle.WaitForNotification();
}

void Shard::Reopen() {
  absl::MutexLock lock(&mu_);
  closed_ = false;
}

void Shard::RefreshSnapshot() {
  strand_.Post([self = shared_from_this()] {
    auto fresh = std::make_shared<View>(*self->view());
    fresh->snapshot = self->services_->store->TakeSnapshot();
    self->Publish(std::move(fresh));
  });
}

}  // namespace kith::engine
