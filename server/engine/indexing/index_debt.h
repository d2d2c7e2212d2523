// IndexDebt: how far the index lags behind the writers of a shard, and what that means for them.
// Debt is the number of rows that no graph covers; each search scans them, so it is bounded. From
// the first limit on writers are slowed down to what the index keeps up with, at the second they
// are refused. Deletes and reads never are.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_INDEXING_INDEX_DEBT_H_
#define KITH_SERVER_ENGINE_INDEXING_INDEX_DEBT_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "absl/status/status.h"
#include "server/engine/indexing/indexing_options.h"

namespace kith::engine {

class IndexDebt {
 public:
  // `options` must outlive it.
  explicit IndexDebt(const IndexingOptions* options) : options_(options) {}

  void Set(uint64_t rows) { rows_.store(rows, std::memory_order_relaxed); }
  uint64_t rows() const { return rows_.load(std::memory_order_relaxed); }

  // What a seal of `rows` that took `seconds` says about how fast the index is.
  void NoteSealed(uint64_t rows, double seconds);
  double rows_per_second() const { return rate_.load(std::memory_order_relaxed); }

  // RESOURCE_EXHAUSTED / INDEX_DEBT with advice when to come back, at the second limit.
  absl::Status CheckWrite() const;

  // How long writers pause after `rows` were written: so long that at the first limit twice as many
  // come as the index keeps up with, at the second half as many; never longer than pace_max.
  std::chrono::nanoseconds PauseAfter(uint64_t rows) const;

 private:
  const IndexingOptions* const options_;
  // Relaxed: numbers that publish nothing but themselves.
  std::atomic<uint64_t> rows_{0};
  std::atomic<double> rate_{0};  // 0: not known yet
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_INDEX_DEBT_H_
