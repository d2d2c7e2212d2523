#include "storage/rocksdb_status.h"

#include <rocksdb/status.h>

#include "kith/base/error.h"

namespace kith::storage {
namespace {

constexpr char kNotCachedUrl[] = "kith/not_cached";

// Made once: a cache-only read that misses is no failure, and should cost nothing.
const absl::Status& NotCached() {
  static const absl::Status* const status = [] {
    auto made = new absl::Status(absl::StatusCode::kUnavailable, "not in the cache");
    made->SetPayload(kNotCachedUrl, absl::Cord(""));
    return made;
  }();
  return *status;
}

}  // namespace

bool IsNotCachedStatus(const absl::Status& status) {
  return absl::IsUnavailable(status) && status.GetPayload(kNotCachedUrl).has_value();
}

absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view doing) {
  if (status.ok()) return absl::OkStatus();
  if (status.IsIncomplete()) return NotCached();
  const std::string cause = status.ToString();
  if (status.IsCorruption() || status.IsPathNotFound()) {
    return Error(absl::StatusCode::kDataLoss, reason::kCorruption, "while {}: {}", doing, cause);
  }
  if (status.IsNoSpace()) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kDiskWatermark, "while {}: {}",
                 doing, cause)
        .RetryAfter(absl::Seconds(10));
  }
  if (status.IsBusy() || status.IsTimedOut() || status.IsTryAgain() ||
      status.IsShutdownInProgress() || status.IsAborted()) {
    return Error(absl::StatusCode::kUnavailable, reason::kStorageError, "while {}: {}", doing,
                 cause)
        .RetryAfter(absl::Seconds(1));
  }
  return Error(absl::StatusCode::kInternal, reason::kStorageError, "while {}: {}", doing, cause);
}

}  // namespace kith::storage
