#include "client/cpp/retry.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "kith/base/error.h"

namespace kith::client {

bool IsWorthRetrying(const absl::Status& status, Repeatable repeatable) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return repeatable == Repeatable::kYes;
    case absl::StatusCode::kResourceExhausted:
      return DetailsOf(status).retry_after > absl::ZeroDuration();
    default:
      return false;
  }
}

absl::Duration PauseAfter(const absl::Status& status, int attempt, const RetryOptions& options,
                          double random) {
  const double doubled = std::ldexp(1.0, std::clamp(attempt - 1, 0, 30));
  const absl::Duration longest = std::min(options.first_pause * doubled, options.max_pause);
  // Advice is spread too, upwards: the clients of an overloaded server come back one by one.
  return std::max(longest * (0.5 + 0.5 * random),
                  DetailsOf(status).retry_after * (1.0 + 0.25 * random));
}

absl::Status CallWithRetries(const ClientOptions& options, Repeatable repeatable,
                             absl::Duration timeout,
                             const std::function<absl::Status(absl::Duration left)>& attempt) {
  const auto start = std::chrono::steady_clock::now();
  const auto left = [&] {
    return timeout - absl::FromChrono(std::chrono::steady_clock::now() - start);
  };
  for (int number = 1;; ++number) {
    absl::Status status = attempt(left());
    if (status.ok() || number >= options.retry.max_attempts ||
        !IsWorthRetrying(status, repeatable)) {
      return status;
    }
    const absl::Duration pause = PauseAfter(status, number, options.retry, options.random());
    if (pause >= left()) return status;
    options.sleep(pause);
  }
}

}  // namespace kith::client
