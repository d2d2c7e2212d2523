#include "server/engine/ordered_ingest.h"

#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "fmt/format.h"
#include "server/engine/prepared_write.h"

namespace kith::engine {
namespace {

// Batches that may be unanswered: enough to keep every core busy while one syncs.
constexpr uint32_t kInFlight = 8;
// Texts take the encoder's time, vectors the disk's: batches of about the same weight.
constexpr uint32_t kTextBatch = 64;
constexpr uint32_t kVectorBatch = 512;

using Prepared = std::unique_ptr<PreparedWrite>;

// A line of batches. Each is prepared by itself; the front of the line is committed when it is
// prepared; answers leave in the order of the line. Shared with the callbacks, so that it outlives
// the session.
class Line : public std::enable_shared_from_this<Line> {
 public:
  explicit Line(std::shared_ptr<Collection> collection) : collection_(std::move(collection)) {}

  void Push(UpsertRequest request, const std::shared_ptr<const Call>& call, UpsertDone done) {
    auto batch = std::make_shared<Batch>();
    batch->done = std::move(done);
    {
      absl::MutexLock lock(&mu_);
      to_commit_.push_back(batch);
      to_answer_.push_back(batch);
    }
    collection_->PrepareUpsertAsync(
        std::move(request), call,
        [self = shared_from_this(), batch](absl::StatusOr<Prepared> prepared) {
          self->OnPrepared(batch, std::move(prepared));
        });
  }

 private:
  struct Batch {
    UpsertDone done;
    // Guarded by the line's mu_.
    bool is_prepared = false;
    absl::StatusOr<Prepared> prepared = Prepared();
    bool is_answered = false;
    absl::StatusOr<UpsertAnswer> answer = UpsertAnswer();
  };

  void OnPrepared(const std::shared_ptr<Batch>& batch, absl::StatusOr<Prepared> prepared) {
    {
      absl::MutexLock lock(&mu_);
      batch->is_prepared = true;
      batch->prepared = std::move(prepared);
      if (committing_) return;  // whoever commits takes this one, too, when its turn has come
      committing_ = true;
    }
    while (true) {
      std::shared_ptr<Batch> front;
      {
        absl::MutexLock lock(&mu_);
        if (to_commit_.empty() || !to_commit_.front()->is_prepared) {
          committing_ = false;
          return;
        }
        front = std::move(to_commit_.front());
        to_commit_.pop_front();
      }
      if (!front->prepared.ok()) {
        OnAnswered(front, front->prepared.status());
        continue;
      }
      collection_->CommitUpsert(
          *std::move(front->prepared),
          [self = shared_from_this(), front](absl::StatusOr<UpsertAnswer> answer) {
            self->OnAnswered(front, std::move(answer));
          });
    }
  }

  void OnAnswered(const std::shared_ptr<Batch>& batch, absl::StatusOr<UpsertAnswer> answer) {
    {
      absl::MutexLock lock(&mu_);
      batch->is_answered = true;
      batch->answer = std::move(answer);
      if (answering_) return;
      answering_ = true;
    }
    while (true) {
      std::shared_ptr<Batch> front;
      {
        absl::MutexLock lock(&mu_);
        if (to_answer_.empty() || !to_answer_.front()->is_answered) {
          answering_ = false;
          return;
        }
        front = std::move(to_answer_.front());
        to_answer_.pop_front();
      }
      front->done(std::move(front->answer));
    }
  }

  const std::shared_ptr<Collection> collection_;  // constant after construction

  absl::Mutex mu_;
  std::deque<std::shared_ptr<Batch>> to_commit_ ABSL_GUARDED_BY(mu_);
  std::deque<std::shared_ptr<Batch>> to_answer_ ABSL_GUARDED_BY(mu_);
  bool committing_ ABSL_GUARDED_BY(mu_) = false;  // a thread is in the loop of OnPrepared
  bool answering_ ABSL_GUARDED_BY(mu_) = false;   // a thread is in the loop of OnAnswered
};

class OrderedIngest final : public IngestSession {
 public:
  OrderedIngest(const Services* services, std::shared_ptr<Collection> collection,
                std::string stream_id, std::optional<Durability> durability, Truncation truncation,
                std::shared_ptr<const Call> call)
      : services_(services),
        encodes_(!collection->info().space.encoder.empty()),
        stream_id_(std::move(stream_id)),
        durability_(durability),
        truncation_(truncation),
        call_(std::move(call)),
        line_(std::make_shared<Line>(std::move(collection))) {}

  void Push(uint64_t number, std::vector<DocumentInput> documents, UpsertDone done) override {
    UpsertRequest request;
    request.documents = std::move(documents);
    request.durability = durability_;
    request.truncation = truncation_;
    // '/' sets these apart from unary requests' ids only by length and custom: a clash is found by
    // the hash.
    if (!stream_id_.empty()) request.request_id = fmt::format("{}/{}", stream_id_, number);
    line_->Push(std::move(request), call_,
                [ticket = services_->in_flight.Enter(), done = std::move(done)](
                    absl::StatusOr<UpsertAnswer> answer) { done(std::move(answer)); });
  }

  IngestPace pace() const override {
    // Three quarters of what writes may take are used: one batch at a time, so that those under way
    // fit.
    const bool tight = services_->memory.used() > services_->memory.total() / 8 * 5;
    return {tight ? 1 : kInFlight, encodes_ ? kTextBatch : kVectorBatch};
  }

 private:
  // Constant after construction.
  const Services* const services_;
  const bool encodes_;
  const std::string stream_id_;
  const std::optional<Durability> durability_;
  const Truncation truncation_;
  const std::shared_ptr<const Call> call_;
  const std::shared_ptr<Line> line_;
};

}  // namespace

std::unique_ptr<IngestSession> NewOrderedIngest(
    const Services* services, std::shared_ptr<Collection> collection, std::string stream_id,
    std::optional<Durability> durability, Truncation truncation, std::shared_ptr<const Call> call) {
  return std::make_unique<OrderedIngest>(services, std::move(collection), std::move(stream_id),
                                         durability, truncation, std::move(call));
}

}  // namespace kith::engine
