// Gate: what every call passes on its way in and out. It knows whether the server is loading, open
// or draining, and bounds how many calls, and how many bytes of requests, are handled at a time.
//
// Thread-safe. Passing costs a few atomic operations.

#ifndef KITH_SERVER_RPC_GATE_H_
#define KITH_SERVER_RPC_GATE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "kith/base/call.h"
#include "server/rpc/log_throttle.h"
#include "server/rpc/stall_watch.h"
#include "server/security/guard.h"

namespace kith::engine {
class Database;
}
namespace kith::telemetry {
class Log;
}

namespace kith::rpc {

struct GateOptions {
  size_t max_calls = 1024;
  uint64_t max_request_bytes = 256 << 20;             // of the calls under way together
  size_t max_message_bytes = 16 << 20;                // of one answer
  absl::Duration slow_log = absl::Milliseconds(200);  // zero: no slow log
  absl::Duration stall_timeout = absl::Minutes(1);    // of answers that the client does not take
  const security::KeyRing* keys = nullptr;            // outlives the gate; null: nobody needs a key
};

// A call that stays open until somebody ends it.
class LongCall {
 public:
  virtual ~LongCall() = default;
  // Take nothing new, answer what was taken, end. Called from any thread, at most once.
  virtual void Drain() = 0;
};

class Gate {
 public:
  // `log` must outlive the gate.
  Gate(GateOptions options, telemetry::Log* log);
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Lets a call in, which must Leave with the same number. UNAVAILABLE / COLLECTION_LOADING before
  // Open, UNAVAILABLE / DRAINING after Drain, RESOURCE_EXHAUSTED / QUEUE_FULL over a bound.
  absl::StatusOr<engine::Database*> Enter(size_t request_bytes);
  void Leave(size_t request_bytes);

  // Counts bytes that came later, as the messages of a stream do.
  void AddBytes(size_t bytes) { bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  void RemoveBytes(size_t bytes) { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  // Whether the calls under way hold less than they may.
  bool HasRoom() const {
    return bytes_.load(std::memory_order_relaxed) < options_.max_request_bytes;
  }

  // From now on calls are let in. `database` must outlive them.
  void Open(engine::Database* database);
  // From now on none are; long calls are told.
  void Drain();
  // True when no call is inside any more, false at `deadline`.
  bool WaitUntilIdle(Call::Clock::time_point deadline);

  // Tells `call` when the server drains; false, and it is not told, if that was before.
  bool Register(const std::shared_ptr<LongCall>& call);
  void Unregister(LongCall* call);

  size_t calls() const { return calls_.load(std::memory_order_relaxed); }
  const GateOptions& options() const { return options_; }
  telemetry::Log& log() const { return *log_; }
  // Who may do what: asked before Enter.
  const security::Guard& guard() const { return guard_; }
  // For the lines about calls that were refused for want of a key.
  LogThrottle& refusals() { return refusals_; }
  // For answers on their way.
  StallWatch& stalls() { return stalls_; }

 private:
  // Constant after construction.
  const GateOptions options_;
  telemetry::Log* const log_;
  const security::Guard guard_;

  // Release on Open, acquire on Enter: publishes the opened database.
  std::atomic<engine::Database*> database_{nullptr};
  // Sequentially consistent with calls_: a call counts itself in before it looks here, and whoever
  // drains looks at the count after setting this, so that no call slips between.
  std::atomic<bool> draining_{false};
  std::atomic<size_t> calls_{0};
  // Relaxed: a bound, not a lock.
  std::atomic<uint64_t> bytes_{0};

  LogThrottle refusals_;
  StallWatch stalls_;

  absl::Mutex mu_;
  std::unordered_map<LongCall*, std::weak_ptr<LongCall>> long_calls_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_GATE_H_
