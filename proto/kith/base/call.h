// Call: who is waiting, and until when. It goes by reference into everything that may take long (an
// encoder batch, a scan, a queue), which asks Check() now and then and gives up when it says so.
//
// Thread-safe: any thread may cancel, any thread may ask.

#ifndef KITH_BASE_CALL_H_
#define KITH_BASE_CALL_H_

#include <atomic>
#include <chrono>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "kith/base/error.h"

namespace kith {

class Call {
 public:
  // Deadlines use the monotonic clock: a jump of the wall clock ends no call.
  using Clock = std::chrono::steady_clock;

  Call() = default;
  explicit Call(Clock::time_point deadline) : deadline_(deadline) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // A call that nobody cancels and that never expires, for work of the server's own.
  static const Call& Background() {
    static const Call call;
    return call;
  }

  // Relaxed: the flag publishes nothing but itself.
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  Clock::time_point deadline() const { return deadline_; }

  // OK while somebody still waits; else CANCELLED or DEADLINE_EXCEEDED. About 25 ns: ask once per
  // some thousand rows, not per row.
  absl::Status Check() const {
    if (cancelled_.load(std::memory_order_relaxed)) {
      return Error(absl::StatusCode::kCancelled, reason::kCancelled, "the caller went away");
    }
    if (deadline_ != Clock::time_point::max() && Clock::now() >= deadline_) {
      return Error(absl::StatusCode::kDeadlineExceeded, reason::kDeadlineExceeded,
                   "the deadline passed before the work was done");
    }
    return absl::OkStatus();
  }

 private:
  // Constant after construction.
  const Clock::time_point deadline_ = Clock::time_point::max();
  // Own synchronisation.
  std::atomic<bool> cancelled_{false};
};

}  // namespace kith

#endif  // KITH_BASE_CALL_H_
