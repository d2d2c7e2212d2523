// BackgroundIngest: documents that flow into a collection while something else is measured. A
// thread of its own sends the files' documents, at a given rate or as fast as the server takes
// them; when they are through it begins again, and documents are replaced.
//
// Thread-safe.

#ifndef KITH_CLIENT_CLI_BENCH_BACKGROUND_INGEST_H_
#define KITH_CLIENT_CLI_BENCH_BACKGROUND_INGEST_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "client/cli/source_files.h"
#include "client/cpp/client.h"

namespace kith::cli {

class BackgroundIngest {
 public:
  // `client` must outlive this. `rate`: documents a second, 0 for no bound.
  BackgroundIngest(client::Client& client, std::string collection, SourceFiles files, double rate);
  // Ends without waiting for the last answers.
  ~BackgroundIngest();

  // Acknowledged since the start.
  uint64_t accepted() const { return accepted_.load(std::memory_order_relaxed); }
  // OK while it goes on; else why it has ended. A document that the server refuses ends it.
  absl::Status status() const;

 private:
  void Run();
  absl::Status IngestOnce();

  // Constant after construction.
  client::Client& client_;
  const std::string collection_;
  const SourceFiles files_;
  const double rate_;

  uint64_t sent_ = 0;             // the thread's own
  uint64_t accepted_before_ = 0;  // by the rounds that are through; the thread's own
  // Relaxed: they publish nothing but themselves.
  std::atomic<uint64_t> accepted_{0};
  std::atomic<bool> stop_{false};

  mutable absl::Mutex mu_;
  absl::Status status_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;  // last: uses the rest
};

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_BENCH_BACKGROUND_INGEST_H_
