#include "server/engine/request_rows.h"

#include <limits>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::engine {
namespace {

// Rows that one commit removes at most: more than it adds, so that a backlog melts.
constexpr int kExpiriesPerCommit = 4;
// Rows that are listed at a time.
constexpr size_t kListed = 256;

}  // namespace

absl::StatusOr<std::optional<store::RequestRecord>> RequestRows::Find(
    const PreparedWrite& write) const {
  std::optional<store::RequestRecord> record;
  if (const auto staged = staged_.find(write.request_id); staged != staged_.end()) {
    record = staged->second;
  } else {
    KITH_ASSIGN_OR_RETURN(record, store_->Latest().GetRequest(shard_, write.request_id));
  }
  if (!record || record->time_us() + kLifetimeMicros < write.time.micros) return std::nullopt;
  const RequestHash hash{record->request_hash_high(), record->request_hash_low()};
  if (hash != write.request_hash) {
    return InvalidArgument(reason::kRequestIdReused,
                           "request_id: {} was used for a request with other content",
                           Quoted(write.request_id))
        .Field("request_id");
  }
  return record;
}

absl::Status RequestRows::Stage(const PreparedWrite& write, uint64_t sequence, std::string answer,
                                uint64_t* row_count, storage::CommitBatch* batch) {
  // A row under this id that is over, but still there, has an entry in the order of time to remove.
  if (!staged_.contains(write.request_id) && !expired_.contains(write.request_id)) {
    KITH_ASSIGN_OR_RETURN(const auto over, store_->Latest().GetRequest(shard_, write.request_id));
    if (over) {
      batch->ExpireRequest(write.request_id, over->time_us());
      --*row_count;
    }
  }
  store::RequestRecord record;
  record.set_request_hash_high(write.request_hash.high);
  record.set_request_hash_low(write.request_hash.low);
  record.set_sequence(sequence);
  record.set_answer(std::move(answer));
  record.set_time_us(write.time.micros);
  batch->PutRequest(write.request_id, record);
  ++*row_count;
  staged_[write.request_id] = std::move(record);
  return ExpireSome(write.time.micros, row_count, batch);
}

absl::Status RequestRows::ExpireSome(int64_t now_us, uint64_t* row_count,
                                     storage::CommitBatch* batch) {
  const int64_t over_before = now_us - kLifetimeMicros;
  for (int i = 0; i < kExpiriesPerCommit; ++i) {
    const bool too_many = *row_count > kRowsMax;
    if (oldest_.empty()) {
      if (listed_until_us_ >= over_before && !too_many) return absl::OkStatus();
      const int64_t before = too_many ? std::numeric_limits<int64_t>::max() : over_before;
      KITH_ASSIGN_OR_RETURN(const std::vector<storage::RequestEntry> listed,
                            store_->Latest().ListRequestsByTime(shard_, listed_until_us_, before,
                                                                kListed, Call::Background()));
      oldest_.assign(listed.begin(), listed.end());
      // The next listing begins at the last row's own time: others may share it.
      listed_until_us_ = listed.size() == kListed ? listed.back().time_us : over_before;
      if (oldest_.empty()) return absl::OkStatus();
    }
    if (oldest_.front().time_us >= over_before && !too_many) return absl::OkStatus();
    const storage::RequestEntry entry = std::move(oldest_.front());
    oldest_.pop_front();
    // The id may have been used anew since it was listed: then its row is another one.
    if (staged_.contains(entry.request_id) || !expired_.insert(entry.request_id).second) continue;
    KITH_ASSIGN_OR_RETURN(const auto row, store_->Latest().GetRequest(shard_, entry.request_id));
    if (!row || row->time_us() != entry.time_us) continue;
    batch->ExpireRequest(entry.request_id, entry.time_us);
    --*row_count;
  }
  return absl::OkStatus();
}

void RequestRows::EndGroup(bool committed) {
  staged_.clear();
  expired_.clear();
  if (!committed) {
    // Rows taken off the list are still in storage: list them again.
    oldest_.clear();
    listed_until_us_ = 0;
  }
}

}  // namespace kith::engine
