#include "server/engine/shard.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/draining.h"
#include "server/engine/records.h"
#include "storage/store.h"

namespace kith::engine {
namespace {

// What one storage batch may hold: enough to share a sync among many, little enough that nobody
// waits long.
constexpr size_t kGroupBytes = 32 << 20;
constexpr size_t kGroupWrites = 256;
// How long a read without a deadline waits for a commit that it wants to see.
constexpr std::chrono::seconds kVisibleWait{30};

}  // namespace

std::shared_ptr<SpaceIndex> Shard::NewSpace(uint16_t space, uint32_t dimension,
                                            Metric metric) const {
  SpaceIdentity identity{identity_};
  identity.space = space;
  identity.dimension = dimension;
  identity.metric = metric;
  return std::make_shared<SpaceIndex>(services_, identity, rows_, strand_);
}

absl::Status Shard::Load(const store::ShardState& state, const store::FieldRegistry& fields,
                         std::vector<SpaceToLoad> spaces, const Call& call) {
  uint64_t total = 0;
  for (const SpaceToLoad& space : spaces) {
    total += CounterOf(state, space.index->identity().space).live_passages();
  }
  total_rows_.store(total, std::memory_order_relaxed);
  KITH_ASSIGN_OR_RETURN(FieldRegistry registry, FieldRegistry::FromRecord(fields));
  uint64_t before = 0;
  std::vector<std::shared_ptr<SpaceIndex>> indexes;
  for (const SpaceToLoad& space : spaces) {
    const auto progress = [this, before](uint64_t rows) {
      loaded_rows_.store(before + rows, std::memory_order_relaxed);
    };
    KITH_RETURN_IF_ERROR(space.index->Load(state, space.manifest, progress, call));
    before += CounterOf(state, space.index->identity().space).live_passages();
    indexes.push_back(space.index);
  }
  committer_ =
      std::make_unique<Committer>(services_, identity_, rows_, state, std::move(registry), indexes);
  const auto views = committer_->MakeViews();
  for (size_t i = 0; i < indexes.size(); ++i) indexes[i]->Begin(views[i]);
  absl::MutexLock lock(&mu_);
  spaces_ = std::move(indexes);
  sequence_ = state.sequence();
  return absl::OkStatus();
}

std::vector<std::shared_ptr<SpaceIndex>> Shard::spaces() const {
  absl::MutexLock lock(&mu_);
  return spaces_;
}

std::shared_ptr<SpaceIndex> Shard::served() const {
  absl::MutexLock lock(&mu_);
  return spaces_.front();
}

CommitToken Shard::TokenOf(const View& view) const {
  return {identity_.uuid, identity_.epoch, view.sequence};
}

void Shard::Publish(const std::vector<std::shared_ptr<const View>>& views) {
  const uint64_t sequence = views.front()->sequence;
  // Of every space before anybody is told: whoever waits for the commit may ask any of them.
  for (size_t i = 0; i < views.size(); ++i) committer_->spaces()[i]->Publish(views[i]);
  std::vector<std::function<void(absl::Status)>> reached;
  {
    absl::MutexLock lock(&mu_);
    sequence_ = sequence;
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
  if (!outcome.views.empty()) Publish(outcome.views);
  uint64_t rows = 0;
  for (size_t i = 0; i < group.size(); ++i) {
    if (outcome.answers[i].ok()) rows += group[i]->passage_count();
    group[i]->memory = {};
    group[i]->done(std::move(outcome.answers[i]));
  }
  group.clear();
  if (Pause(rows)) return;
  {
    absl::MutexLock lock(&mu_);
    if (queue_.empty()) {
      scheduled_ = false;
      return;
    }
  }
  strand_.Post([self = shared_from_this()] { self->CommitWaiting(); });
}

bool Shard::Pause(uint64_t rows) {
  std::chrono::nanoseconds pause{0};
  for (const auto& space : committer_->spaces()) {
    pause = std::max(pause, space->indexer().debt().PauseAfter(rows));
  }
  if (pause.count() <= 0) return false;
  {
    absl::MutexLock lock(&mu_);
    if (closed_ || waits_ended_ || services_->stopping()) return false;
    paused_ = true;
  }
  services_->timer.After(pause, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->EndPause();
  });
  return true;
}

void Shard::EndPause() {
  {
    absl::MutexLock lock(&mu_);
    if (!paused_) return;
    paused_ = false;
    if (queue_.empty()) {
      scheduled_ = false;
      return;
    }
  }
  strand_.Post([self = shared_from_this()] { self->CommitWaiting(); });
}

absl::Status Shard::ChangeSpaces(
    std::vector<std::shared_ptr<SpaceIndex>> spaces, storage::CommitBatch* batch,
    const std::function<absl::Status(const store::ShardState&)>& when) {
  absl::Status status;
  absl::Notification done;
  strand_.Post([&] {
    status = when(committer_->state());
    if (status.ok()) status = committer_->ChangeSpaces(spaces, batch);
    if (status.ok()) {
      const std::vector<std::shared_ptr<SpaceIndex>> before = this->spaces();
      const auto views = committer_->MakeViews();
      for (size_t i = 0; i < spaces.size(); ++i) {
        const bool is_new = std::find(before.begin(), before.end(), spaces[i]) == before.end();
        is_new ? spaces[i]->Begin(views[i]) : spaces[i]->Publish(views[i]);
      }
      absl::MutexLock lock(&mu_);
      spaces_ = spaces;
    }
    done.Notify();
  });
  done.WaitForNotification();
  return status;
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
  if (sequence() >= token.sequence) return then(absl::OkStatus());
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
  if (sequence() >= token.sequence) {
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
  const uint64_t applied = sequence();
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
  EndPause();
  for (const auto& [number, waiter] : ended) waiter.then(Draining());
}

void Shard::Close() {
  {
    absl::MutexLock lock(&mu_);
    closed_ = true;
  }
  EndPause();
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

uint64_t Shard::sequence() const {
  absl::MutexLock lock(&mu_);
  return sequence_;
}

void Shard::RefreshSnapshot() {
  for (const auto& space : spaces()) space->RefreshSnapshot();
}

void Shard::Scrub() {
  for (const auto& space : spaces()) space->indexer().Scrub();
}

void Shard::StopIndexing() {
  for (const auto& space : spaces()) space->indexer().Stop();
}

void Shard::ResumeIndexing() {
  for (const auto& space : spaces()) space->indexer().Resume();
}

}  // namespace kith::engine
