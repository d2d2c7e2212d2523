// IndexScheduler: the threads that work on the indexes of all collections, at low priority, so that
// a busy server answers first and indexes second. One for the server.
//
// Sealing has a thread of its own, so that no merge, however long, holds it up; the others take
// merges first and seal when there are none. Long merges leave one of the others free, if there are
// two: small segments, which come all the time, are merged while a large one takes its minutes.
// Within a kind tasks run in the order submitted; who submits keeps only a few of them here, so
// that collections take turns.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_INDEXING_INDEX_SCHEDULER_H_
#define KITH_SERVER_ENGINE_INDEXING_INDEX_SCHEDULER_H_

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "kith/base/call.h"

namespace kith::engine {

class IndexScheduler {
 public:
  enum class Kind : uint8_t {
    kSeal,
    kMerge,
    kLongMerge,
    kIdle,  // when nothing else is to do: samples, scrubs
  };
  using Task = std::function<void()>;

  // REQUIRES: threads >= 1.
  explicit IndexScheduler(int threads);
  // Stop()s.
  ~IndexScheduler();
  IndexScheduler(const IndexScheduler&) = delete;
  IndexScheduler& operator=(const IndexScheduler&) = delete;

  // Runs `task` later; never after Stop.
  void Submit(Kind kind, Task task) ABSL_LOCKS_EXCLUDED(mu_);

  // Drops what waits, cancels the calls and joins the threads. Idempotent. REQUIRES: no thread of
  // it calls this.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // For a task that is long: cancelled by Stop.
  std::shared_ptr<Call> NewCall() ABSL_LOCKS_EXCLUDED(mu_);

  int threads() const { return count_; }

  // Threads that a build may use beside its own: at most those that are idle now, but for one that
  // is kept for other builds. Counts them as busy until it dies.
  class Helpers {
   public:
    Helpers(IndexScheduler* scheduler, int most);
    ~Helpers();
    Helpers(const Helpers&) = delete;
    Helpers& operator=(const Helpers&) = delete;
    int count() const { return count_; }

   private:
    IndexScheduler* const scheduler_;
    int count_ = 0;
  };

 private:
  struct Entry {
    Kind kind;
    Task task;
  };

  void Run(bool seals_only);
  // Whether a long merge may begin on one of the general threads.
  bool HasRoomForLong() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasTask(bool seals_only) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Entry Take(bool seals_only) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const int count_;

  absl::Mutex mu_;
  std::deque<Task> seals_ ABSL_GUARDED_BY(mu_);
  std::deque<Task> merges_ ABSL_GUARDED_BY(mu_);
  std::deque<Task> long_merges_ ABSL_GUARDED_BY(mu_);
  std::deque<Task> idle_ ABSL_GUARDED_BY(mu_);
  int busy_ ABSL_GUARDED_BY(mu_) = 0;     // of the `count_` general threads
  int long_ ABSL_GUARDED_BY(mu_) = 0;     // of these, those that run long merges
  int helping_ ABSL_GUARDED_BY(mu_) = 0;  // lent out as Helpers: no task begins on them
  std::vector<std::weak_ptr<Call>> calls_ ABSL_GUARDED_BY(mu_);
  bool closing_ ABSL_GUARDED_BY(mu_) = false;

  std::vector<std::thread> threads_;  // constant between construction and Stop
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_INDEX_SCHEDULER_H_
