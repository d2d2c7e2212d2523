#include "server/engine/indexing/index_scheduler.h"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace kith::engine {
namespace {

// Rows that wait for a graph are scanned by every search, so that sealing has a third of the weight
// of a thread that answers somebody. Merging has a tenth: it makes searches cheaper later, and must
// not keep sealing from it.
constexpr int kSealNice = 5;
constexpr int kNice = 10;

// On Linux a thread has a nice value of its own, and the threads that it makes inherit it. Where it
// is not allowed the thread runs as others do.
void LowerPriority(int nice) { (void)setpriority(PRIO_PROCESS, 0, nice); }

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
  (kind == Kind::kSeal        ? seals_
   : kind == Kind::kMerge     ? merges_
   : kind == Kind::kLongMerge ? long_merges_
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
    for (std::deque<Task>* queue : {&seals_, &merges_, &long_merges_, &idle_}) {
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
  if (busy_ + helping_ >= count_) return false;
  return !(seals_.empty() && merges_.empty() && idle_.empty()) ||
         (!long_merges_.empty() && HasRoomForLong());
}

bool IndexScheduler::HasRoomForLong() const { return long_ + helping_ < std::max(1, count_ - 1); }

IndexScheduler::Entry IndexScheduler::Take(bool seals_only) {
  const auto take = [](Kind kind, std::deque<Task>& queue) {
    Entry entry = {kind, std::move(queue.front())};
    queue.pop_front();
    return entry;
  };
  if (seals_only) return take(Kind::kSeal, seals_);
  if (!merges_.empty()) return take(Kind::kMerge, merges_);
  if (!long_merges_.empty() && HasRoomForLong()) return take(Kind::kLongMerge, long_merges_);
  return seals_.empty() ? take(Kind::kIdle, idle_) : take(Kind::kSeal, seals_);
}

void IndexScheduler::Run(bool seals_only) {
  pthread_setname_np(pthread_self(), seals_only ? "kith-seal" : "kith-index");
  LowerPriority(seals_only ? kSealNice : kNice);
  const auto ready = [this, seals_only]()
                         ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return HasTask(seals_only); };
  for (;;) {
    Entry entry;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&ready));
      if (closing_) return;
      entry = Take(seals_only);
      if (!seals_only) ++busy_;
      if (entry.kind == Kind::kLongMerge) ++long_;
    }
    entry.task();
    entry.task = nullptr;  // what it holds goes before the thread counts as idle
    if (!seals_only) {
      absl::MutexLock lock(&mu_);
      --busy_;
      if (entry.kind == Kind::kLongMerge) --long_;
    }
  }
}

IndexScheduler::Helpers::Helpers(IndexScheduler* scheduler, int most) : scheduler_(scheduler) {
  absl::MutexLock lock(&scheduler->mu_);
  const int idle = scheduler->count_ - scheduler->busy_ - scheduler->helping_;
  count_ = std::clamp(idle - 1, 0, std::max(0, most));
  scheduler->helping_ += count_;
}

IndexScheduler::Helpers::~Helpers() {
  absl::MutexLock lock(&scheduler_->mu_);
  scheduler_->helping_ -= count_;
}

}  // namespace kith::engine
