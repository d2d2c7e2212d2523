#include "server/engine/side_by_side.h"

#include <atomic>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace kith::engine {
namespace {

// Shared with the threads asked to help, which may come when all is long done.
class Parts {
 public:
  Parts(size_t count, const std::function<void(size_t)>* part) : count_(count), part_(part) {}

  void Help() {
    {
      absl::MutexLock lock(&mu_);
      if (closed_) return;  // part_ may be gone
      ++helping_;
    }
    Work();
    absl::MutexLock lock(&mu_);
    --helping_;
  }

  void WorkAndClose() {
    Work();
    const auto alone = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return helping_ == 0; };
    absl::MutexLock lock(&mu_);
    closed_ = true;
    mu_.Await(absl::Condition(&alone));
  }

 private:
  void Work() {
    for (size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) (*part_)(i);
  }

  const size_t count_;
  const std::function<void(size_t)>* const part_;
  // Hands out numbers and nothing else: relaxed. What the parts wrote is published by mu_.
  std::atomic<size_t> next_{0};
  absl::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  int helping_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace

void SideBySide(Executor& executor, size_t count, const std::function<void(size_t)>& part) {
  const auto parts = std::make_shared<Parts>(count, &part);
  for (size_t i = 1; i < count; ++i) {
    if (!executor.PostIfIdle([parts] { parts->Help(); })) break;
  }
  parts->WorkAndClose();
}

void ExecutorSpread::Run(size_t count,
                         const std::function<void(size_t i, index::SearchScratch& scratch)>& part) {
  SideBySide(*executor_, count, [&](size_t i) {
    thread_local index::SearchScratch scratch;
    part(i, scratch);
  });
}

}  // namespace kith::engine
