// What a Client can be told: credentials, deadlines, retries, message limits. The defaults suit an
// application beside its server; a test replaces `sleep` and `random`.

#ifndef KITH_CLIENT_CPP_OPTIONS_H_
#define KITH_CLIENT_CPP_OPTIONS_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/time/time.h"

namespace kith::client {

// How long a call may take in all, its retries included, when the caller does not say.
struct Deadlines {
  absl::Duration read = absl::Seconds(10);    // get, list, count, statistics, health
  absl::Duration search = absl::Seconds(30);  // one search, or a batch of them
  absl::Duration encode = absl::Seconds(60);  // encode, tokenize, split
  absl::Duration write = absl::Seconds(120);  // documents: upsert, delete
  absl::Duration manage = absl::Seconds(60);  // collections and operations: create, update, delete
};

// Only what is safe is tried again, see retry.h. The n-th pause is a random part (a half to the
// whole) of first_pause * 2^(n-1), at most max_pause; or the server's advice if that is longer.
struct RetryOptions {
  int max_attempts = 5;  // of a call; 1 means never try again
  // Attempts of an ingestion stream to reach the server again without one acknowledgement between
  // them: by default about half a minute, time for a server to restart.
  int max_stream_attempts = 12;
  absl::Duration first_pause = absl::Milliseconds(100);
  absl::Duration max_pause = absl::Seconds(5);
};

// How to get in where the server asks for it.
struct Credentials {
  // Sent with every call; empty: none. Without TLS it is sent to this machine alone (127.0.0.0/8,
  // ::1, localhost), unless `key_in_clear`.
  std::string key;
  bool key_in_clear = false;

  // TLS; a file below implies it.
  bool tls = false;
  std::string ca_file;    // PEM: authorities of the server's certificate; empty: the system's
  std::string cert_file;  // PEM: this client's certificate and its key, for a server that asks
  std::string key_file;

  bool uses_tls() const {
    return tls || !ca_file.empty() || !cert_file.empty() || !key_file.empty();
  }
};

struct ClientOptions {
  Credentials credentials;
  Deadlines deadlines;
  RetryOptions retry;
  // Larger requests are refused here (RESOURCE_EXHAUSTED, MESSAGE_TOO_LARGE): the server would
  // refuse them.
  size_t max_request_bytes = size_t{16} << 20;
  size_t max_response_bytes = size_t{64} << 20;
  // Waits between attempts; called by the thread that made the call. Empty: absl::SleepFor.
  std::function<void(absl::Duration)> sleep;
  // Thread-safe; uniform in [0, 1), spreads the attempts of many clients. Empty: a seeded
  // generator.
  std::function<double()> random;
};

// For one call.
struct CallOptions {
  // Zero: the Deadlines of its kind.
  absl::Duration timeout = absl::ZeroDuration();
};

}  // namespace kith::client

#endif  // KITH_CLIENT_CPP_OPTIONS_H_
