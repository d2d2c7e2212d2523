// MemoryBudget: the bytes that this server lets itself take, and who holds them. What grows with
// the users' data is reserved here before it is allocated, so that the server refuses a write with
// a sentence rather than be killed by the system.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_MEMORY_BUDGET_H_
#define KITH_SERVER_ENGINE_MEMORY_BUDGET_H_

#include <atomic>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace kith::engine {

class MemoryBudget {
 public:
  // Bytes held; given back when it dies. Must not outlive the budget. One thread at a time.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Reservation& operator=(Reservation&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Reservation() { Resize(0); }

    uint64_t bytes() const { return bytes_; }
    // Sets what is held to what was really taken: never refused.
    void Resize(uint64_t bytes);

   private:
    friend class MemoryBudget;
    Reservation(MemoryBudget* budget, uint64_t bytes) : budget_(budget), bytes_(bytes) {}

    MemoryBudget* budget_ = nullptr;
    uint64_t bytes_ = 0;
  };

  explicit MemoryBudget(uint64_t total_bytes) : total_(total_bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // Takes `bytes` for a write if they stay under 90 % of the total, else RESOURCE_EXHAUSTED /
  // MEMORY_BUDGET.
  absl::StatusOr<Reservation> ReserveForWrite(uint64_t bytes);

  // Takes `bytes` for the build of a segment, if they stay under the total: it may go where writes
  // may not, since in the end rows take less memory sealed than growing.
  absl::StatusOr<Reservation> ReserveForBuild(uint64_t bytes);

  // Takes `bytes` for a model that somebody asks for, within the bounds of writes.
  absl::StatusOr<Reservation> ReserveForModel(uint64_t bytes);

  // Takes `bytes` whatever is left: for what is there already (an encoder, rows replayed at start).
  Reservation Take(uint64_t bytes);

  uint64_t total() const { return total_; }
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  // Adds `bytes` to what is used, or returns false and what is used.
  bool TryTake(uint64_t bytes, uint64_t limit, uint64_t* used);
  absl::Status OverBudget(uint64_t bytes, uint64_t used) const;

  const uint64_t total_;
  // Relaxed: a counter, which publishes nothing but itself.
  std::atomic<uint64_t> used_{0};
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_MEMORY_BUDGET_H_
