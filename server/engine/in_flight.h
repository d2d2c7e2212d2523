// InFlight: counts the requests that have been accepted and not answered, so that a drain knows
// when the last one has ended.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_IN_FLIGHT_H_
#define KITH_SERVER_ENGINE_IN_FLIGHT_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "kith/base/call.h"

namespace kith::engine {

class InFlight {
 public:
  // Counts while any copy of it lives. Must not outlive the InFlight.
  using Ticket = std::shared_ptr<void>;

  Ticket Enter() {
    absl::MutexLock lock(&mu_);
    ++count_;
    return Ticket(this, [](void* self) { static_cast<InFlight*>(self)->Leave(); });
  }

  // Waits until nothing is in flight, or `deadline`.
  void AwaitNone(Call::Clock::time_point deadline) {
    absl::MutexLock lock(&mu_);
    mu_.AwaitWithTimeout(absl::Condition(
                             +[](InFlight* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mu_) {
                               return self->count_ == 0;
                             },
                             this),
                         absl::FromChrono(deadline - Call::Clock::now()));
  }

 private:
  void Leave() {
    absl::MutexLock lock(&mu_);
    --count_;
  }

  absl::Mutex mu_;
  int64_t count_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_IN_FLIGHT_H_
