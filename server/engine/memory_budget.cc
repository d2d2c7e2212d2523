#include "server/engine/memory_budget.h"

#include "absl/time/time.h"
#include "kith/base/error.h"

namespace kith::engine {

void MemoryBudget::Reservation::Resize(uint64_t bytes) {
  if (budget_ == nullptr) return;
  // Unsigned arithmetic wraps: adding the difference is right whether it grows or shrinks.
  budget_->used_.fetch_add(bytes - bytes_, std::memory_order_relaxed);
  bytes_ = bytes;
}

absl::Status MemoryBudget::OverBudget(uint64_t bytes, uint64_t used) const {
  return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
               "a write needs {} bytes of memory, but {} of {} are taken and writes stop at 90 %; "
               "delete documents, raise --memory-budget, or use a larger machine",
               bytes, used, total_)
      .With("needed_bytes", bytes)
      .With("used_bytes", used)
      .With("budget_bytes", total_)
      .RetryAfter(absl::Seconds(5));
}

absl::StatusOr<MemoryBudget::Reservation> MemoryBudget::ReserveForWrite(uint64_t bytes) {
  const uint64_t limit = total_ / 10 * 9;
  uint64_t used = 0;
  if (!TryTake(bytes, limit, &used)) return OverBudget(bytes, used);
  return Reservation(this, bytes);
}

absl::StatusOr<MemoryBudget::Reservation> MemoryBudget::ReserveForBuild(uint64_t bytes) {
  uint64_t used = 0;
  if (TryTake(bytes, total_, &used)) return Reservation(this, bytes);
  return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
               "building a segment needs {} bytes of memory, but {} of {} are taken", bytes, used,
               total_)
      .With("needed_bytes", bytes)
      .With("used_bytes", used)
      .With("budget_bytes", total_)
      .RetryAfter(absl::Seconds(5));
}

absl::StatusOr<MemoryBudget::Reservation> MemoryBudget::ReserveForModel(uint64_t bytes) {
  uint64_t used = 0;
  if (TryTake(bytes, total_ / 10 * 9, &used)) return Reservation(this, bytes);
  return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
               "the model needs {} bytes of memory, but {} of {} are taken and models, as writes, "
               "leave 10 % free; unload another model, raise --memory-budget, or use a larger "
               "machine",
               bytes, used, total_)
      .With("needed_bytes", bytes)
      .With("used_bytes", used)
      .With("budget_bytes", total_);
}

bool MemoryBudget::TryTake(uint64_t bytes, uint64_t limit, uint64_t* used) {
  *used = used_.load(std::memory_order_relaxed);
  do {
    if (*used > limit || bytes > limit - *used) return false;
  } while (!used_.compare_exchange_weak(*used, *used + bytes, std::memory_order_relaxed));
  return true;
}

MemoryBudget::Reservation MemoryBudget::Take(uint64_t bytes) {
  used_.fetch_add(bytes, std::memory_order_relaxed);
  return Reservation(this, bytes);
}

}  // namespace kith::engine
