#include "server/engine/executor.h"

#include <pthread.h>

#include <utility>

#include "absl/time/time.h"
#include "kith/base/check.h"
#include "kith/base/error.h"
#include "server/engine/draining.h"

namespace kith::engine {

Executor::Executor(std::string name, int threads, size_t capacity)
    : name_(std::move(name)), capacity_(capacity) {
  KITH_CHECK(threads > 0, "an executor without threads would run nothing");
  threads_.reserve(threads);
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), name_.substr(0, 15).c_str());
  }
}

Executor::~Executor() { Stop(); }

void Executor::Stop() {
  {
    absl::MutexLock lock(&mu_);
    closing_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

absl::Status Executor::Submit(std::shared_ptr<const Call> call, Task task) {
  absl::MutexLock lock(&mu_);
  if (closing_) {
    return Draining();
  }
  if (queue_.size() >= capacity_) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kQueueFull,
                 "the queue \"{}\" is full: {} requests wait", name_, capacity_)
        .With("queue", name_)
        .With("capacity", capacity_)
        .RetryAfter(absl::Milliseconds(100));
  }
  queue_.push_back({std::move(call), std::move(task)});
  return absl::OkStatus();
}

void Executor::Post(std::function<void()> task) {
  absl::MutexLock lock(&mu_);
  queue_.push_back({nullptr, [task = std::move(task)](const absl::Status&) { task(); }});
}

bool Executor::PostIfIdle(std::function<void()> task) {
  absl::MutexLock lock(&mu_);
  if (closing_ || idle_ <= queue_.size()) return false;
  queue_.push_back({nullptr, [task = std::move(task)](const absl::Status&) { task(); }});
  return true;
}

size_t Executor::queued() const {
  absl::MutexLock lock(&mu_);
  return queue_.size();
}

void Executor::Run() {
  while (true) {
    Entry entry;
    {
      absl::MutexLock lock(&mu_);
      ++idle_;
      mu_.Await(absl::Condition(
          +[](Executor* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mu_) {
            return !self->queue_.empty() || self->closing_;
          },
          this));
      --idle_;
      if (queue_.empty()) return;
      entry = std::move(queue_.front());
      queue_.pop_front();
    }
    entry.task(entry.call == nullptr ? absl::OkStatus() : entry.call->Check());
  }
}

void Strand::Post(std::function<void()> task) {
  {
    absl::MutexLock lock(&state_->mu);
    state_->tasks.push_back(std::move(task));
    if (state_->running) return;
    state_->running = true;
  }
  state_->executor->Post([state = state_] { RunOne(state); });
}

// One task a turn: strands that share an executor take turns, and none starves the others.
void Strand::RunOne(std::shared_ptr<State> state) {
  std::function<void()> task;
  {
    absl::MutexLock lock(&state->mu);
    task = std::move(state->tasks.front());
    state->tasks.pop_front();
  }
  task();
  task = nullptr;  // what it captured must not outlive its turn
  {
    absl::MutexLock lock(&state->mu);
    if (state->tasks.empty()) {
      state->running = false;
      return;
    }
  }
  state->executor->Post([state] { RunOne(state); });
}

}  // namespace kith::engine
