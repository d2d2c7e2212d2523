#include "index/parallel.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kith::index {
namespace {

class Loop {
 public:
  Loop(size_t count, const std::function<absl::Status(uint32_t, size_t)>& body)
      : count_(count), body_(body) {}

  void Work(uint32_t worker) {
    while (true) {
      const size_t i = next_.fetch_add(1, std::memory_order_relaxed);
      if (i >= count_) return;
      const absl::Status status = body_(worker, i);
      if (status.ok()) continue;
      next_.store(count_, std::memory_order_relaxed);
      absl::MutexLock lock(&mu_);
      if (status_.ok()) status_ = status;
      return;
    }
  }

  absl::Status status() const {
    absl::MutexLock lock(&mu_);
    return status_;
  }

 private:
  const size_t count_;
  const std::function<absl::Status(uint32_t, size_t)>& body_;
  // Hands out numbers and nothing else: relaxed. What the bodies wrote is published by the joins.
  std::atomic<size_t> next_{0};
  mutable absl::Mutex mu_;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

absl::Status ParallelFor(uint32_t threads, size_t count,
                         const std::function<absl::Status(uint32_t worker, size_t i)>& body) {
  Loop loop(count, body);
  std::vector<std::thread> workers;
  const size_t wanted = std::min<size_t>(threads, count);
  try {
    for (uint32_t worker = 1; worker < wanted; ++worker) {
      workers.emplace_back([&loop, worker] { loop.Work(worker); });
    }
  } catch (const std::system_error&) {
    // Fewer, then.
  }
  loop.Work(0);
  for (std::thread& worker : workers) worker.join();
  return loop.status();
}

}  // namespace kith::index
