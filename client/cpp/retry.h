// Trying again: what is safe to, and after which pause.
//
//   code                               read, repeatable write     tried once
//   UNAVAILABLE                        again                      no: it may have happened
//   RESOURCE_EXHAUSTED with advice     again                      again: it was refused
//   anything else                      no                         no
//
// A repeatable write carries a request_id, under which the server writes nothing twice. "Advice" is
// the RetryInfo of the answer; without it RESOURCE_EXHAUSTED means that the request itself is too
// large.
//
// Thread-safe.

#ifndef KITH_CLIENT_CPP_RETRY_H_
#define KITH_CLIENT_CPP_RETRY_H_

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/options.h"

namespace kith::client {

enum class Repeatable { kYes, kNo };

bool IsWorthRetrying(const absl::Status& status, Repeatable repeatable);

// The pause after attempt number `attempt` (from 1) ended in `status`: back-off with jitter, or the
// server's advice if that is longer. `random` is in [0, 1).
absl::Duration PauseAfter(const absl::Status& status, int attempt, const RetryOptions& options,
                          double random);

// Runs `attempt` until it succeeds, fails for good, or has used up its attempts or `timeout`;
// returns its last status. An attempt is told how much of the time is left. A pause that would not
// fit into the time left is not begun: the caller learns at once why the call failed.
absl::Status CallWithRetries(const ClientOptions& options, Repeatable repeatable,
                             absl::Duration timeout,
                             const std::function<absl::Status(absl::Duration left)>& attempt);

}  // namespace kith::client

#endif  // KITH_CLIENT_CPP_RETRY_H_
