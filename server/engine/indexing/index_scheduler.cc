#include "server/engine/indexing/index_scheduler.h"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace kith::engine {
namespace {

// A tenth of the weight of a thread that answers somebody.
constexpr int kNice = 10;

// On Linux a thread has a nice value of its own, and the threads that it makes inherit it. Where it
// is not allowed the thread runs as others do.
void LowerPriority() { (void)setpriority(PRIO_PROCESS, 0, kNice); }

}  // namespace

IndexScheduler::IndexScheduler(int threads) : count_(threads) {
  for (int i = 0; i <= threads; ++i) {
    threads_.emplace_back([this, seals_only = i == threads] { Run(seals_only); });
  }
}

IndexScheduler::~IndexScheduler() { Stop(); }

void IndexScheduler::Submit(Kind kind, Task task) {
  absl::MutexLock lock(&mu_);
  if (closing_) return;
  (kind == Kind::kSeal    ? seals_
   : kind == Kind::kMerge ? merges_
                          : idle_)
      .push_back(std::move(task));
}

void IndexScheduler::Stop() {
  std::deque<Task> dropped;
  {
    absl::MutexLock lock(&mu_);
    closing_ = true;
    for (const std::weak_ptr<Call>& weak : calls_) {
      if (const std::shared_ptr<Call> call = weak.lock()) call->Cancel();
    }
    for (std::deque<Task>* queue : {&seals_, &merges_, &idle_}) {
      std::move(queue->begin(), queue->end(), std::back_inserter(dropped));
      queue->clear();
    }
  }
  dropped.clear();  // not under the lock: what they hold may be much
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::shared_ptr<Call> IndexScheduler::NewCall() {
  auto call = std::make_shared<Call>();
  absl::MutexLock lock(&mu_);
  if (closing_) call->Cancel();
  std::erase_if(calls_, [](const std::weak_ptr<Call>& weak) { return weak.expired(); });
  calls_.push_back(call);
  return call;
}

bool IndexScheduler::HasTask(bool seals_only) const {
  if (closing_) return true;
  if (seals_only) return !seals_.empty();
  return busy_ + helping_ < count_ && !(seals_.empty() && merges_.empty() && idle_.empty());
}

IndexScheduler::Task IndexScheduler::Take(bool seals_only) {
  std::deque<Task>& queue = seals_only || (merges_.empty() && !seals_.empty()) ? seals_
                            : !merges_.empty()                                 ? merges_
                                                                               : idle_;
  Task task = std::move(queue.front());
  queue.pop_front();
  return task;
}

void IndexScheduler::Run(bool seals_only) {
  pthread_setname_np(pthread_self(), seals_only ? "kith-seal" : "kith-index");
  LowerPriority();
  const auto ready = [this, seals_only]()
                         ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return HasTask(seals_only); };
  for (;;) {
    Task task;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&ready));
      if (closing_) return;
      task = Take(seals_only);
      if (!seals_only) ++busy_;
    }
    task();
    task = nullptr;  // what it holds goes before the thread counts as idle
    if (!seals_only) {
      absl::MutexLock lock(&mu_);
      --busy_;
    }
  }
}

IndexScheduler::Helpers::Helpers(IndexScheduler* scheduler, int most) : scheduler_(scheduler) {
  absl::MutexLock lock(&scheduler->mu_);
  const int idle = scheduler->count_ - scheduler->busy_ - scheduler->helping_;
  count_ = std::clamp(idle, 0, std::max(0, most));
  scheduler->helping_ += count_;
}

IndexScheduler::Helpers::~Helpers() {
  absl::MutexLock lock(&scheduler_->mu_);
  scheduler_->helping_ -= count_;
}

}  // namespace kith::engine
