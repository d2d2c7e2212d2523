#include "server/engine/timer.h"

#include <utility>

#include "absl/time/time.h"

namespace kith::engine {

Timer::Timer() : thread_([this] { Run(); }) {}

Timer::~Timer() { Stop(); }

void Timer::Stop() {
  {
    absl::MutexLock lock(&mu_);
    closing_ = true;
    changed_.Signal();
  }
  if (thread_.joinable()) thread_.join();
}

void Timer::At(Clock::time_point when, std::function<void()> task) {
  absl::MutexLock lock(&mu_);
  tasks_.emplace(when, std::move(task));
  changed_.Signal();
}

void Timer::Run() {
  while (true) {
    std::function<void()> task;
    {
      absl::MutexLock lock(&mu_);
      while (task == nullptr) {
        if (closing_) return;
        if (tasks_.empty()) {
          changed_.Wait(&mu_);
          continue;
        }
        const Clock::duration wait = tasks_.begin()->first - Clock::now();
        if (wait > Clock::duration::zero()) {
          changed_.WaitWithTimeout(&mu_, absl::FromChrono(wait));
          continue;
        }
        task = std::move(tasks_.begin()->second);
        tasks_.erase(tasks_.begin());
      }
    }
    task();
  }
}

}  // namespace kith::engine
