// OperationRegistry: the operations of this server, in memory and in the catalog. Who does the work
// calls Begin, Update and End; clients list, wait and cancel.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_OPERATION_REGISTRY_H_
#define KITH_SERVER_ENGINE_OPERATION_REGISTRY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/engine/operations.h"
#include "server/engine/services.h"
#include "storage/catalog.h"
#include "storage/commit_batch.h"

namespace kith::engine {

class OperationRegistry final : public Operations {
 public:
  // `services` must outlive it.
  explicit OperationRegistry(const Services* services) : services_(services) {}

  // An operation that begins now, to be put into the batch that begins the work, and added when
  // that is on disk.
  Operation New(OperationKind kind, std::string target) const;
  // What its work has to ask now and then: cancelled by Cancel, and by CancelAll.
  std::shared_ptr<const Call> Add(const Operation& operation, uint32_t collection_number)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Takes in what the catalog holds; those that ended over 7 days ago are forgotten.
  absl::Status Restore(const storage::Catalog& catalog);

  void SetPhase(const std::string& id, std::string phase) ABSL_LOCKS_EXCLUDED(mu_);
  // As it stands, in memory alone: a restart begins it again.
  void SetProgress(const std::string& id, const std::string& phase, uint64_t done, uint64_t total)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Those of a collection that have not ended, with what their work has to ask.
  struct Running {
    Operation operation;
    std::shared_ptr<const Call> call;
  };
  std::vector<Running> RunningOf(uint32_t collection_number) const ABSL_LOCKS_EXCLUDED(mu_);
  // The same in two steps, for an end that is stored together with what else it changes: put
  // Ending() into that batch, and say Ended() when it is committed. nullopt: there is none.
  std::optional<Operation> Ending(const std::string& id, const absl::Status& status) const
      ABSL_LOCKS_EXCLUDED(mu_);
  void Ended(const Operation& ended) ABSL_LOCKS_EXCLUDED(mu_);
  // Ends it by `status` (CANCELLED ends it as cancelled), stores that together with what `batch`
  // holds, and wakes those who wait.
  void End(const std::string& id, const absl::Status& status, storage::CommitBatch* batch)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Answers everybody who waits with the operation as it stands, now and from here on: the server
  // stops.
  void EndWaits() ABSL_LOCKS_EXCLUDED(mu_);
  // For the end of the server: the work stops, and goes on at the next start.
  void CancelAll() ABSL_LOCKS_EXCLUDED(mu_);

  // Operations.
  std::vector<Operation> List(std::string_view after, size_t limit) const override;
  absl::StatusOr<Operation> Get(std::string_view id) const override;
  absl::StatusOr<Operation> Cancel(std::string_view id) override;
  void Wait(std::string_view id, Call::Clock::time_point deadline,
            std::function<void(absl::StatusOr<Operation>)> done) override;

 private:
  using Waiter = std::function<void(absl::StatusOr<Operation>)>;
  struct Entry {
    Operation operation;
    uint32_t collection_number = 0;
    std::shared_ptr<Call> call;
    // Where the phase stood when it began here: rates are counted from there.
    Call::Clock::time_point phase_begin = {};
    uint64_t done_at_begin = 0;
    std::map<uint64_t, Waiter> waiters;
  };

  absl::StatusOr<const Entry*> FindEntry(std::string_view id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndWait(const std::string& id, uint64_t waiter) ABSL_LOCKS_EXCLUDED(mu_);

  const Services* const services_;  // constant

  mutable absl::Mutex mu_;
  std::map<std::string, Entry, std::less<>> entries_ ABSL_GUARDED_BY(mu_);  // ids are ULIDs: by age
  uint64_t next_waiter_ ABSL_GUARDED_BY(mu_) = 0;
  bool waits_ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_OPERATION_REGISTRY_H_
