#include "server/rpc/gate.h"

#include <chrono>
#include <utility>
#include <vector>

#include "kith/base/error.h"
#include "server/telemetry/log.h"

namespace kith::rpc {
namespace {

constexpr absl::Duration kLoadingRetry = absl::Seconds(1);
constexpr absl::Duration kFullRetry = absl::Milliseconds(100);

absl::Status Draining() {
  return Error(absl::StatusCode::kUnavailable, reason::kDraining,
               "the server is stopping; try another one, or again when it is back")
      .RetryAfter(kLoadingRetry);
}

}  // namespace

Gate::Gate(GateOptions options, telemetry::Log* log)
    : options_(options),
      log_(log),
      guard_(options.keys),
      stalls_(options.stall_timeout, [this](size_t calls) {
        log_->Warning("clients do not take their answers: their calls were cancelled",
                      {{"calls", calls}});
      }) {}

absl::StatusOr<engine::Database*> Gate::Enter(size_t request_bytes) {
  const size_t calls = calls_.fetch_add(1);
  const uint64_t bytes = bytes_.fetch_add(request_bytes, std::memory_order_relaxed);
  absl::Status refusal;
  engine::Database* const database = database_.load(std::memory_order_acquire);
  if (draining_.load()) {
    refusal = Draining();
  } else if (database == nullptr) {
    refusal = Error(absl::StatusCode::kUnavailable, reason::kCollectionLoading,
                    "the server is starting: its data folder is still being opened")
                  .RetryAfter(kLoadingRetry);
  } else if (calls >= options_.max_calls) {
    refusal = Error(absl::StatusCode::kResourceExhausted, reason::kQueueFull,
                    "{} calls are under way, the most this server handles at a time", calls)
                  .With("limit", options_.max_calls)
                  .RetryAfter(kFullRetry);
  } else if (bytes != 0 && bytes + request_bytes > options_.max_request_bytes) {
    refusal =
        Error(absl::StatusCode::kResourceExhausted, reason::kQueueFull,
              "the requests under way hold {} bytes, and with this one they would be more than {}",
              bytes, options_.max_request_bytes)
            .With("limit", options_.max_request_bytes)
            .RetryAfter(kFullRetry);
  } else {
    return database;
  }
  Leave(request_bytes);
  return refusal;
}

void Gate::Leave(size_t request_bytes) {
  bytes_.fetch_sub(request_bytes, std::memory_order_relaxed);
  if (calls_.fetch_sub(1) == 1 && draining_.load()) {
    absl::MutexLock lock(&mu_);  // releasing it makes WaitUntilIdle look again
  }
}

void Gate::Open(engine::Database* database) {
  database_.store(database, std::memory_order_release);
}

void Gate::Drain() {
  std::vector<std::shared_ptr<LongCall>> calls;
  {
    absl::MutexLock lock(&mu_);
    if (draining_.exchange(true)) return;
    for (const auto& [unused, call] : long_calls_) {
      if (auto alive = call.lock()) calls.push_back(std::move(alive));
    }
  }
  for (const auto& call : calls) call->Drain();
}

bool Gate::WaitUntilIdle(Call::Clock::time_point deadline) {
  const auto idle = [this] { return calls_.load() == 0; };
  const absl::Duration left = absl::FromChrono(deadline - Call::Clock::now());
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithTimeout(absl::Condition(&idle), left);
}

bool Gate::Register(const std::shared_ptr<LongCall>& call) {
  absl::MutexLock lock(&mu_);
  if (draining_.load()) return false;
  long_calls_.emplace(call.get(), call);
  return true;
}

void Gate::Unregister(LongCall* call) {
  absl::MutexLock lock(&mu_);
  long_calls_.erase(call);
}

}  // namespace kith::rpc
