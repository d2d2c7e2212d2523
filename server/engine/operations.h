// Operations: long work that outlives a call and a restart. The record of each lies in the catalog.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_OPERATIONS_H_
#define KITH_SERVER_ENGINE_OPERATIONS_H_

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
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "kith/base/call.h"
#include "server/engine/document.h"

namespace kith::storage {
class CommitBatch;
class Store;
}  // namespace kith::storage

namespace kith::engine {

enum class OperationKind : uint8_t {  // never renumber
  kReclaimCollection = 1,
  kSealIndex = 2,   // every row that waits gets into a graph
  kMergeIndex = 3,  // and the segments are merged as far as they go
  kReembed = 4,     // a second vector space gets all documents, and is searched from then on
  kLoadModel = 5,
  kUnloadModel = 6,
};
enum class OperationState : uint8_t {
  kRunning = 1,
  kSucceeded,
  kFailed,
  kCancelled
};  // never renumber

struct Operation {
  std::string id;
  OperationKind kind = OperationKind::kReclaimCollection;
  std::string target;
  OperationState state = OperationState::kRunning;
  std::string phase;
  uint64_t done = 0, total = 0;
  // Since the phase began here; a restart begins it again.
  double per_second = 0;
  std::optional<double> seconds_left;  // absent: not known
  absl::Status error;                  // in state kFailed
  Timestamp create_time, update_time;

  bool ended() const { return state != OperationState::kRunning; }
};

class Operations {
 public:
  // Newest first; at most `limit` that are older than the operation `after` (empty: from the
  // newest).
  virtual std::vector<Operation> List(std::string_view after, size_t limit) const = 0;
  virtual absl::StatusOr<Operation> Get(std::string_view id) const = 0;
  virtual absl::StatusOr<Operation> Cancel(std::string_view id) = 0;
  // Calls `done` once, from a thread of the engine: when the operation has ended, or as it stands
  // at `deadline`.
  virtual void Wait(std::string_view id, Call::Clock::time_point deadline,
                    std::function<void(absl::StatusOr<Operation>)> done) = 0;

 protected:
  ~Operations() = default;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_OPERATIONS_H_
