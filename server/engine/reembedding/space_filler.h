// SpaceFiller: gives every document of a collection its passages in the vector space that it is
// being re-embedded into. It walks the documents by id, and leaves out those that have passages
// there: they were filled before, or written since. So there is nothing to remember across a
// restart: a filler begins at the first document and finds the first that is missing.
//
//   wait for writes that know one space only --> [a batch: read, split --> encode --> commit] ...
//   --> seal the index --> filled
//
// One batch is under way at a time. Its passages wait in the encoder's queue as those of ingestion
// do, behind queries; its rows count in the index debt and the memory budget as any. What is
// refused there for a while is tried again.
//
// Thread-safe. Holds the collection while it runs.

#ifndef KITH_SERVER_ENGINE_REEMBEDDING_SPACE_FILLER_H_
#define KITH_SERVER_ENGINE_REEMBEDDING_SPACE_FILLER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "kith/base/call.h"
#include "kith/store/document.pb.h"
#include "server/engine/collection.h"
#include "server/engine/preparer.h"
#include "server/engine/services.h"
#include "storage/reader.h"

namespace kith::engine {

class SpaceFiller : public std::enable_shared_from_this<SpaceFiller> {
 public:
  using Progress = std::function<void(const std::string& phase, uint64_t done, uint64_t total)>;
  // Once, on a thread that may block: OK when every document has its passages and the index is
  // sealed; why not otherwise, CANCELLED if the call was. Not at all when the server ends before.
  using Filled = std::function<void(absl::Status)>;

  // Fills the collection's other space. `services` must outlive it.
  SpaceFiller(const Services* services, std::shared_ptr<Collection> collection,
              std::shared_ptr<const Call> call, Progress progress, Filled filled);

  void Start();

 private:
  // A batch on its way.
  struct Batch {
    std::vector<PreparedFill> fills;
    std::vector<EncodeQueue::Sequence> sequences;
    MemoryBudget::Reservation memory;
    std::string end;       // the documents up to this id are looked at
    bool is_last = false;  // there are none behind it
  };

  struct Sealing {
    absl::Status status;  // once it has ended
    absl::Notification ended;
  };

  // Runs `step` on a thread that computes, unless the filling ends here.
  void Continue(void (SpaceFiller::*step)());
  void Later(void (SpaceFiller::*step)(), std::chrono::milliseconds wait);
  void AwaitOldWrites();
  void NextBatch();
  absl::StatusOr<Batch> ReadBatch();
  absl::Status AddFill(const storage::Reader& reader, const storage::ListedDocument& document,
                       size_t* bytes, Batch* batch);
  void Encoded(const std::shared_ptr<Batch>& batch, absl::StatusOr<std::vector<float>> rows);
  void Commit(const std::shared_ptr<Batch>& batch);
  void Committed(const std::shared_ptr<Batch>& batch, const absl::Status& status);
  void Seal();
  void AwaitSeal();
  // Tries the batch again after a while if the status says that this may help; else the end.
  void Failed(absl::Status status);
  void End(absl::Status status);
  void Report(const std::string& phase) const;

  const Services* const services_;
  const std::shared_ptr<Collection> collection_;
  const std::shared_ptr<const Call> call_;
  const Progress progress_;
  const Filled filled_;
  const PrepareContext context_;  // with the space that is filled as its other one

  // Of the step under way, alone.
  std::string after_;  // documents up to this id are done
  std::chrono::milliseconds backoff_{0};
  std::shared_ptr<Sealing> sealing_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_REEMBEDDING_SPACE_FILLER_H_
