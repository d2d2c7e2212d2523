// EncodeQueue: the encoder's worker threads and the queue before them. Texts of different requests
// are packed together by tokens, and a large request is spread over all workers, so that nothing is
// padded and no core idles. Queries go ahead of passages; passages get every eighth turn at least,
// so that ingestion never starves. Pairs that a cross-encoder judges are a query's business: they
// stand among the queries, which take turns, so that one with a thousand pairs holds up nobody.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_ENCODE_QUEUE_H_
#define KITH_SERVER_ENGINE_ENCODE_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "encoder/encoder.h"
#include "kith/base/call.h"
#include "server/engine/encoders.h"

namespace kith::engine {

class EncodeQueue {
 public:
  // Token ids of one text, with special tokens.
  using Sequence = std::vector<int32_t>;
  // [sequences, dimension], or why there are none.
  using Done = std::function<void(absl::StatusOr<std::vector<float>>)>;

  // At most `token_capacity` tokens wait, queries and passages each.
  EncodeQueue(int threads, size_t token_capacity);
  // Stop()s.
  ~EncodeQueue();
  EncodeQueue(const EncodeQueue&) = delete;
  EncodeQueue& operator=(const EncodeQueue&) = delete;

  // Ends the work that still waits with UNAVAILABLE / DRAINING, and joins the workers. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // Calls `done` once, from a worker. RESOURCE_EXHAUSTED / QUEUE_FULL: not taken, `done` will not
  // be called. A request larger than the whole capacity is taken when nothing else waits. REQUIRES:
  // sequences is not empty.
  absl::Status Submit(EncoderRef encoder, std::vector<Sequence> sequences, encoder::Role role,
                      std::shared_ptr<const Call> call, Done done);
  // As Submit; `done` gets the logit of each pair.
  absl::Status SubmitPairs(CrossEncoderRef model, std::vector<encoder::EncodedPair> pairs,
                           std::shared_ptr<const Call> call, Done done);

  // Has the workers give back the scratch memory of models that nobody else has any more. Returns
  // at once.
  void Forget() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // One Submit. Workers take consecutive slices of its items: sequences, or pairs.
  struct Job {
    EncoderRef encoder;  // or null
    std::vector<Sequence> sequences;
    CrossEncoderRef cross_encoder;  // or null
    std::vector<encoder::EncodedPair> pairs;
    std::shared_ptr<const Call> call;
    Done done;
    std::vector<float> out;  // [items, width]; workers write disjoint rows

    size_t size() const { return sequences.size() + pairs.size(); }
    size_t tokens(size_t i) const {
      return encoder != nullptr ? sequences[i].size() : pairs[i].token_ids.size();
    }
    size_t width() const {
      return encoder != nullptr ? static_cast<size_t>(encoder->info().dimension) : 1;
    }
    // What both can be computed with in one pass.
    bool IsLike(const Job& other) const;
    std::shared_ptr<const void> weights() const;
    std::unique_ptr<encoder::RunState> NewRunState() const;

    // The rest is guarded by the queue's mu_.
    size_t next = 0;     // first item that nobody has taken
    size_t running = 0;  // slices that workers have
    absl::Status status;
  };
  struct Lane {
    std::deque<std::shared_ptr<Job>> jobs;
    size_t tokens = 0;  // that nobody has taken
  };
  // Items [begin, end) of a job.
  struct Slice {
    std::shared_ptr<Job> job;
    size_t begin, end;
  };
  // The scratch memory of a model, which it does not keep alive.
  struct WorkerState {
    std::weak_ptr<const void> weights;
    std::unique_ptr<encoder::RunState> state;
  };
  // What a worker keeps from one turn to the next.
  struct Worker {
    std::vector<WorkerState> states;  // the last used first
    std::vector<std::span<const int32_t>> sequences;
    std::vector<encoder::EncodedPair> pairs;
    std::vector<float> rows;
    uint64_t forgotten = 0;  // as forget_ was when it last looked
  };

  absl::Status Enqueue(std::shared_ptr<Job> job, bool is_query) ABSL_LOCKS_EXCLUDED(mu_);
  void Run();
  // Computes the slices; what comes of it is in the jobs.
  static absl::Status Compute(const std::vector<Slice>& slices, Worker* worker);
  // Slices of one model worth about kSliceTokens; jobs whose callers went away are put into
  // `ended`.
  std::vector<Slice> TakeSlices(std::vector<std::shared_ptr<Job>>* ended)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void DropTokens(Lane* lane, const Job& job);
  static encoder::RunState* StateFor(const Job& job, std::vector<WorkerState>* states);
  // `status` of the slices just run; the jobs that this ended.
  std::vector<std::shared_ptr<Job>> Finish(const std::vector<Slice>& slices,
                                           const absl::Status& status);
  static void Answer(const std::vector<std::shared_ptr<Job>>& ended);

  // Constant after construction.
  const size_t token_capacity_;

  absl::Mutex mu_;
  Lane queries_ ABSL_GUARDED_BY(mu_);
  Lane passages_ ABSL_GUARDED_BY(mu_);
  int query_turns_ ABSL_GUARDED_BY(mu_) = 0;  // in a row, while passages waited
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t forget_ ABSL_GUARDED_BY(mu_) = 0;  // rises with each Forget

  std::vector<std::thread> threads_;  // constant between construction and Stop
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_ENCODE_QUEUE_H_
