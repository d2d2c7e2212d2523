// Executor: a few threads and a bounded queue. Whatever blocks, scans long or reads the disk runs
// on one, never on an RPC thread. A full queue refuses with RESOURCE_EXHAUSTED / QUEUE_FULL and
// advice when to come back; nothing here ever waits for room.
//
// Strand: runs tasks one at a time, in the order given, on an Executor's threads. A shard's commits
// run on one, so that a thousand idle collections cost no threads.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_EXECUTOR_H_
#define KITH_SERVER_ENGINE_EXECUTOR_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "kith/base/call.h"

namespace kith::engine {

class Executor {
 public:
  // A task gets OK, or the reason why its call ended while it waited in the queue.
  using Task = std::function<void(absl::Status)>;

  Executor(std::string name, int threads, size_t capacity);
  // Stop()s.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Runs what is queued, and what that posts, then joins the threads. Submit answers DRAINING from
  // then on. Idempotent. REQUIRES: no thread of this executor calls it.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // Queues `task` for `call`. On an error the task has not been taken and will not run.
  absl::Status Submit(std::shared_ptr<const Call> call, Task task);

  // As Submit, beyond the bound: for work that is bounded elsewhere (a strand's turn, of which
  // there is one a shard) and must not be lost.
  void Post(std::function<void()> task);

  // As Post, if a thread is there that nothing else has been given to; else false.
  bool PostIfIdle(std::function<void()> task);

  size_t queued() const;

 private:
  struct Entry {
    std::shared_ptr<const Call> call;
    Task task;
  };

  void Run();

  // Constant after construction.
  const std::string name_;
  const size_t capacity_;

  mutable absl::Mutex mu_;
  std::deque<Entry> queue_ ABSL_GUARDED_BY(mu_);
  size_t idle_ ABSL_GUARDED_BY(mu_) = 0;  // threads that wait for an entry
  bool closing_ ABSL_GUARDED_BY(mu_) = false;

  std::vector<std::thread> threads_;  // constant between construction and Stop
};

class Strand {
 public:
  // `executor` must outlive the strand and all its tasks.
  explicit Strand(Executor* executor) : state_(std::make_shared<State>(executor)) {}

  void Post(std::function<void()> task);

 private:
  struct State {
    explicit State(Executor* executor) : executor(executor) {}
    Executor* const executor;
    absl::Mutex mu;
    std::deque<std::function<void()>> tasks ABSL_GUARDED_BY(mu);
    bool running ABSL_GUARDED_BY(mu) = false;
  };
  static void RunOne(std::shared_ptr<State> state);

  // Shared with the queued turn, so that a strand may die while its last task runs.
  std::shared_ptr<State> state_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_EXECUTOR_H_
