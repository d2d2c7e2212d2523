// Load: a closed loop of unary calls over a number of connections, as many clients of one server
// would make: every connection is a channel of its own with one call under way, the next begins
// when the answer has come. One thread drives them all, because on a machine that the server shares
// each thread of the driver is taken from the server.
//
//   Load load({.address = "127.0.0.1:7600", .method = "/kith.v1.SearchService/Search"});
//   KITH_ASSIGN_OR_RETURN(LoadResult result, load.Run(16, absl::Seconds(10), requests, &answer,
//   take));
//
// Requests are serialised before the clock starts; answers are parsed, as every client must.
// Not thread-safe.

#ifndef KITH_CLIENT_CLI_BENCH_LOAD_H_
#define KITH_CLIENT_CLI_BENCH_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/message_lite.h"

namespace kith::cli {

struct LoadOptions {
  std::string address;
  std::string method;  // "/package.Service/Method"
  // Runs this long before it counts: connections open, caches fill.
  absl::Duration warm_up = absl::Seconds(1);
  absl::Duration call_timeout = absl::Seconds(30);
};

struct LoadResult {
  double seconds = 0;               // counted
  uint64_t calls = 0;               // answered inside them, failed ones too
  uint64_t failed = 0;              // of those
  absl::Status first_failure;       // OK if none failed
  std::vector<float> latencies_ms;  // of the calls that did not fail, sorted

  double qps() const { return seconds > 0 ? static_cast<double>(calls - failed) / seconds : 0; }
  // Nearest rank; 0 if nothing was answered.
  double Percentile(double share) const;
};

class Load {
 public:
  explicit Load(LoadOptions options) : options_(std::move(options)) {}

  // Takes the answer to requests[index], parsed into the `answer` of Run; counted or not.
  using Take = std::function<void(size_t index)>;

  // Asks `requests` (serialised messages) in turn, over and over. UNAVAILABLE if the server cannot
  // be reached at the start; what fails later is counted.
  absl::StatusOr<LoadResult> Run(int connections, absl::Duration time,
                                 std::span<const std::string> requests,
                                 google::protobuf::MessageLite* answer, const Take& take) const;

 private:
  const LoadOptions options_;
};

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_BENCH_LOAD_H_
