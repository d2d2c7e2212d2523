// Timer: runs small functions at a later time, on one thread of its own. For deadlines and
// housekeeping; a function must be quick and hand real work to an executor.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_TIMER_H_
#define KITH_SERVER_ENGINE_TIMER_H_

#include <functional>
#include <map>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "kith/base/call.h"

namespace kith::engine {

class Timer {
 public:
  using Clock = Call::Clock;

  Timer();
  // Stop()s.
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Joins the thread. What has not run by then never will. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  void At(Clock::time_point when, std::function<void()> task);
  void After(Clock::duration wait, std::function<void()> task) {
    At(Clock::now() + wait, std::move(task));
  }

 private:
  void Run();

  absl::Mutex mu_;
  absl::CondVar changed_;
  std::multimap<Clock::time_point, std::function<void()>> tasks_ ABSL_GUARDED_BY(mu_);
  bool closing_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;  // constant between construction and Stop
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_TIMER_H_
