#include "index/graph/row_workers.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "kith/base/error.h"

namespace kith::index {
namespace {

constexpr uint32_t kRowsPerCheck = 64;

class Workers {
 public:
  Workers(uint32_t count, uint32_t run, const Call& call, const GraphProgress& progress,
          const std::function<void(uint32_t, uint32_t)>& work)
      : count_(count), run_(run), call_(call), progress_(progress), work_(work) {}

  absl::Status Run(uint32_t threads) {
    std::vector<std::thread> helpers;
    try {
      for (uint32_t i = 1; i < threads; ++i) helpers.emplace_back([this, i] { Work(i); });
    } catch (...) {
      Fail(CurrentException());
    }
    Work(0);
    for (std::thread& helper : helpers) helper.join();
    return status_;
  }

 private:
  void Work(uint32_t thread) {
    try {
      uint32_t done = 0;
      while (!failed_.load(std::memory_order_relaxed)) {
        const uint64_t begin = next_.fetch_add(run_, std::memory_order_relaxed);
        if (begin >= count_) return;
        const uint64_t end = std::min<uint64_t>(begin + run_, count_);
        for (uint64_t row = begin; row < end; ++row) {
          work_(static_cast<uint32_t>(row), thread);
          if (done++ % kRowsPerCheck != 0) continue;
          if (absl::Status status = call_.Check(); !status.ok()) {
            Fail(std::move(status));
            return;
          }
          if (thread == 0 && progress_) progress_(row + 1, count_);
        }
      }
    } catch (...) {
      Fail(CurrentException());
    }
  }

  void Fail(absl::Status status) {
    const std::lock_guard lock(mu_);
    if (status_.ok()) status_ = std::move(status);
    failed_.store(true, std::memory_order_relaxed);
  }

  const uint32_t count_;
  const uint32_t run_;
  const Call& call_;
  const GraphProgress& progress_;
  const std::function<void(uint32_t, uint32_t)>& work_;
  // Relaxed: they publish nothing but themselves, and join() publishes status_ to Run.
  std::atomic<uint64_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mu_;
  absl::Status status_;  // written under mu_, read after the helpers have ended
};

}  // namespace

absl::Status CurrentException() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
                 "the system gave no memory to build a graph");
  } catch (const std::exception& error) {
    return Error(absl::StatusCode::kInternal, reason::kInternal, "building a graph: {}",
                 error.what());
  } catch (...) {
    return Error(absl::StatusCode::kInternal, reason::kInternal,
                 "building a graph: unknown exception");
  }
}

absl::Status ForEachRow(uint32_t count, uint32_t run, uint32_t threads, const Call& call,
                        const GraphProgress& progress,
                        const std::function<void(uint32_t, uint32_t)>& work) {
  return Workers(count, run, call, progress, work).Run(threads);
}

}  // namespace kith::index
