#include "server/engine/operation_registry.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/random_id.h"
#include "server/engine/records.h"

namespace kith::engine {
namespace {

constexpr int64_t kKeptMicros = int64_t{7} * 24 * 3600 * 1'000'000;

}  // namespace

Operation OperationRegistry::New(OperationKind kind, std::string target) const {
  Operation operation;
  operation.create_time = operation.update_time = Now();
  operation.id = NewUlid(operation.create_time.micros / 1000);
  operation.kind = kind;
  operation.target = std::move(target);
  operation.phase = "starting";
  return operation;
}

std::shared_ptr<const Call> OperationRegistry::Add(const Operation& operation,
                                                   uint32_t collection_number) {
  auto call = std::make_shared<Call>();
  absl::MutexLock lock(&mu_);
  Entry& entry = entries_[operation.id];
  entry.operation = operation;
  entry.collection_number = collection_number;
  entry.call = call;
  return call;
}

absl::Status OperationRegistry::Restore(const storage::Catalog& catalog) {
  const int64_t kept_from = Now().micros - kKeptMicros;
  storage::CommitBatch batch(*services_->store);
  for (const auto& [id, record] : catalog.operations) {
    Operation operation = ReadOperation(id, record);
    // What works in memory alone ends with the process.
    if (!operation.ended() && operation.kind == OperationKind::kUnloadModel) {
      operation.state = OperationState::kSucceeded;
      operation.phase = "done";
    } else if (!operation.ended() && operation.kind == OperationKind::kLoadModel) {
      operation.state = OperationState::kFailed;
      operation.error = Error(absl::StatusCode::kUnavailable, reason::kDraining,
                              "the server stopped before the model was loaded: load it again");
    }
    if (operation.ended() && record.state() == store::OPERATION_STATE_RUNNING) {
      batch.PutOperation(id, OperationRecordOf(operation, record.collection_number()));
    }
    if (operation.ended() && operation.update_time.micros < kept_from) {
      batch.DeleteOperation(id);
    } else {
      Add(operation, record.collection_number());
    }
  }
  if (batch.empty()) return absl::OkStatus();
  return services_->store->Commit(batch, storage::Durability::kApplied);
}

void OperationRegistry::SetPhase(const std::string& id, std::string phase) {
  absl::MutexLock lock(&mu_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  entry->second.operation.phase = std::move(phase);
  entry->second.operation.update_time = Now();
}

void OperationRegistry::SetProgress(const std::string& id, const std::string& phase, uint64_t done,
                                    uint64_t total) {
  absl::MutexLock lock(&mu_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end() || entry->second.operation.ended()) return;
  Operation& operation = entry->second.operation;
  const auto now = Call::Clock::now();
  if (operation.phase != phase || entry->second.phase_begin == Call::Clock::time_point()) {
    entry->second.phase_begin = now;
    entry->second.done_at_begin = done;
  }
  operation.phase = phase;
  operation.done = done;
  operation.total = total;
  const double seconds = std::chrono::duration<double>(now - entry->second.phase_begin).count();
  const uint64_t begin = std::min(entry->second.done_at_begin, done);
  operation.per_second = seconds > 0 ? static_cast<double>(done - begin) / seconds : 0;
  operation.seconds_left.reset();
  if (operation.per_second > 0 && total >= done) {
    operation.seconds_left = static_cast<double>(total - done) / operation.per_second;
  }
  operation.update_time = Now();
}

std::vector<OperationRegistry::Running> OperationRegistry::RunningOf(
    uint32_t collection_number) const {
  absl::MutexLock lock(&mu_);
  std::vector<Running> running;
  for (const auto& [id, entry] : entries_) {
    if (entry.collection_number == collection_number && !entry.operation.ended()) {
      running.push_back({entry.operation, entry.call});
    }
  }
  return running;
}

std::optional<Operation> OperationRegistry::Ending(const std::string& id,
                                                   const absl::Status& status) const {
  absl::MutexLock lock(&mu_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return std::nullopt;
  Operation ended = entry->second.operation;
  ended.update_time = Now();
  ended.per_second = 0;
  ended.seconds_left.reset();
  if (status.ok()) {
    ended.state = OperationState::kSucceeded;
    ended.phase = "done";
    // The last report of progress may be older than the end.
    ended.done = ended.total;
  } else if (absl::IsCancelled(status)) {
    ended.state = OperationState::kCancelled;
  } else {
    ended.state = OperationState::kFailed;
    ended.error = status;
  }
  return ended;
}

void OperationRegistry::Ended(const Operation& ended) {
  std::map<uint64_t, Waiter> waiters;
  {
    absl::MutexLock lock(&mu_);
    const auto entry = entries_.find(ended.id);
    if (entry == entries_.end()) return;
    entry->second.operation = ended;
    waiters.swap(entry->second.waiters);
  }
  for (const auto& [number, waiter] : waiters) waiter(ended);
}

void OperationRegistry::End(const std::string& id, const absl::Status& status,
                            storage::CommitBatch* batch) {
  const std::optional<Operation> ended = Ending(id, status);
  if (!ended) return;
  uint32_t collection_number = 0;
  {
    absl::MutexLock lock(&mu_);
    collection_number = entries_.at(id).collection_number;
  }
  batch->PutOperation(id, OperationRecordOf(*ended, collection_number));
  if (absl::Status stored = services_->store->Commit(*batch, storage::Durability::kSynced);
      !stored.ok()) {
    // It ended all the same; after a restart it is begun again, which does no harm.
    services_->Report(
        Event::Level::kWarning,
        "the end of operation " + id + " could not be stored: " + std::string(stored.message()));
  }
  Ended(*ended);
}

void OperationRegistry::EndWaits() {
  std::vector<std::pair<Waiter, Operation>> ended;
  {
    absl::MutexLock lock(&mu_);
    waits_ended_ = true;
    for (auto& [id, entry] : entries_) {
      for (auto& [number, waiter] : entry.waiters) {
        ended.emplace_back(std::move(waiter), entry.operation);
      }
      entry.waiters.clear();
    }
  }
  for (const auto& [waiter, operation] : ended) waiter(operation);
}

void OperationRegistry::CancelAll() {
  absl::MutexLock lock(&mu_);
  for (auto& [id, entry] : entries_) entry.call->Cancel();
}

absl::StatusOr<const OperationRegistry::Entry*> OperationRegistry::FindEntry(
    std::string_view id) const {
  const auto entry = entries_.find(id);
  if (entry != entries_.end()) return &entry->second;
  return Error(absl::StatusCode::kNotFound, reason::kOperationNotFound,
               "there is no operation {}; ended ones are kept for 7 days", Quoted(id))
      .Field("id");
}

std::vector<Operation> OperationRegistry::List(std::string_view after, size_t limit) const {
  absl::MutexLock lock(&mu_);
  std::vector<Operation> operations;
  auto next = after.empty() ? entries_.end() : entries_.lower_bound(after);
  while (next != entries_.begin() && operations.size() < limit) {
    operations.push_back((--next)->second.operation);
  }
  return operations;
}

absl::StatusOr<Operation> OperationRegistry::Get(std::string_view id) const {
  absl::MutexLock lock(&mu_);
  KITH_ASSIGN_OR_RETURN(const Entry* entry, FindEntry(id));
  return entry->operation;
}

absl::StatusOr<Operation> OperationRegistry::Cancel(std::string_view id) {
  absl::MutexLock lock(&mu_);
  KITH_ASSIGN_OR_RETURN(const Entry* entry, FindEntry(id));
  entry->call->Cancel();
  return entry->operation;
}

void OperationRegistry::Wait(std::string_view id, Call::Clock::time_point deadline,
                             std::function<void(absl::StatusOr<Operation>)> done) {
  uint64_t number = 0;
  absl::StatusOr<Operation> now = Get(id);
  if (now.ok() && !now->ended()) {
    absl::MutexLock lock(&mu_);
    Entry& entry = entries_.find(id)->second;  // entries are never removed while the server runs
    now = entry.operation;
    if (!now->ended() && !waits_ended_) {
      number = ++next_waiter_;
      entry.waiters[number] = std::move(done);
    }
  }
  if (number == 0) return done(std::move(now));
  services_->timer.At(deadline, [this, id = std::string(id), number] { EndWait(id, number); });
}

void OperationRegistry::EndWait(const std::string& id, uint64_t waiter) {
  Waiter done;
  Operation now;
  {
    absl::MutexLock lock(&mu_);
    Entry& entry = entries_.find(id)->second;
    auto node = entry.waiters.extract(waiter);
    if (!node) return;
    done = std::move(node.mapped());
    now = entry.operation;
  }
  done(std::move(now));
}

}  // namespace kith::engine
