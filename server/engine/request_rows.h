// RequestRows: the rows that remember requests by their ids, so that a repeated one gets its first
// answer. A row lives for 24 hours, and there are at most a million a shard; each commit that adds
// one removes a few that are over, so that the work is spread evenly.
//
// Not thread-safe: belongs to the committer.

#ifndef KITH_SERVER_ENGINE_REQUEST_ROWS_H_
#define KITH_SERVER_ENGINE_REQUEST_ROWS_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kith/store/document.pb.h"
#include "server/engine/prepared_write.h"
#include "storage/commit_batch.h"
#include "storage/reader.h"
#include "storage/store.h"

namespace kith::engine {

class RequestRows {
 public:
  static constexpr int64_t kLifetimeMicros = int64_t{24} * 3600 * 1'000'000;
  static constexpr uint64_t kRowsMax = 1'000'000;

  // `store` must outlive it.
  RequestRows(const storage::Store* store, uint32_t shard) : store_(store), shard_(shard) {}

  // What the request was answered with, if it is remembered: in storage, or in the group under way.
  // INVALID_ARGUMENT / REQUEST_ID_REUSED if its content was another.
  absl::StatusOr<std::optional<store::RequestRecord>> Find(const PreparedWrite& write) const;

  // Adds a row inside a logical batch, and removes rows that are over. `*row_count` follows.
  absl::Status Stage(const PreparedWrite& write, uint64_t sequence, std::string answer,
                     uint64_t* row_count, storage::CommitBatch* batch);

  // The group was committed (or not): what was staged is in storage (or nowhere).
  void EndGroup(bool committed);

 private:
  absl::Status ExpireSome(int64_t now_us, uint64_t* row_count, storage::CommitBatch* batch);

  // Constant after construction.
  const storage::Store* const store_;
  const uint32_t shard_;

  // Of the group under way: not in storage yet.
  absl::flat_hash_map<std::string, store::RequestRecord> staged_;
  absl::flat_hash_set<std::string> expired_;
  std::deque<storage::RequestEntry> oldest_;  // next to expire, in order of time
  int64_t listed_until_us_ = 0;               // oldest_ was filled from here on
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_REQUEST_ROWS_H_
