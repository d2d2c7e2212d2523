// LogThrottle: lets one line a second through and counts what it kept back: whoever knocks at the
// door a thousand times a second must not fill the log.
//
// Thread-safe.

#ifndef KITH_SERVER_RPC_LOG_THROTTLE_H_
#define KITH_SERVER_RPC_LOG_THROTTLE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace kith::rpc {

class LogThrottle {
 public:
  using Clock = std::chrono::steady_clock;

  // Whether a line may be written now; if so, how many were kept back since the last one.
  std::optional<uint64_t> Take(Clock::time_point now) {
    const int64_t ns = now.time_since_epoch().count();
    int64_t next = next_ns_.load(std::memory_order_relaxed);
    constexpr int64_t kSecond = 1'000'000'000;
    if (ns < next ||
        !next_ns_.compare_exchange_strong(next, ns + kSecond, std::memory_order_relaxed)) {
      kept_back_.fetch_add(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    return kept_back_.exchange(0, std::memory_order_relaxed);
  }

 private:
  // Relaxed: they publish nothing but themselves.
  std::atomic<int64_t> next_ns_{0};
  std::atomic<uint64_t> kept_back_{0};
};

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_LOG_THROTTLE_H_
