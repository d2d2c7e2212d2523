#include "server/engine/encode_queue.h"

#include <pthread.h>

#include <algorithm>
#include <span>
#include <utility>

#include "absl/time/time.h"
#include "kith/base/check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/draining.h"

namespace kith::engine {
namespace {

// Enough that a matrix product runs at its full rate, few enough that a query never waits long
// behind one.
constexpr size_t kSliceTokens = 256;
// Turns of queries after which passages that wait get one.
constexpr int kQueryTurnsMax = 7;
// Scratch memories that a worker keeps: encoders that are used by turns.
constexpr size_t kStatesMax = 2;

}  // namespace

bool EncodeQueue::Job::IsLike(const Job& other) const {
  return weights() == other.weights() && width() == other.width();
}

std::shared_ptr<const void> EncodeQueue::Job::weights() const {
  if (encoder != nullptr) return encoder->weights();
  return cross_encoder;
}

std::unique_ptr<encoder::RunState> EncodeQueue::Job::NewRunState() const {
  return encoder != nullptr ? encoder->NewRunState() : cross_encoder->NewRunState();
}

EncodeQueue::EncodeQueue(int threads, size_t token_capacity) : token_capacity_(token_capacity) {
  KITH_CHECK(threads > 0, "somebody must encode");
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), "encode");
  }
}

EncodeQueue::~EncodeQueue() { Stop(); }

void EncodeQueue::Stop() {
  std::vector<std::shared_ptr<Job>> left;
  {
    absl::MutexLock lock(&mu_);
    closing_ = true;
    for (Lane* lane : {&queries_, &passages_}) {
      for (std::shared_ptr<Job>& job : lane->jobs) {
        job->next = job->size();
        job->status = Draining();
        if (job->running == 0) left.push_back(job);  // else its last worker answers
      }
      lane->jobs.clear();
      lane->tokens = 0;
    }
  }
  Answer(left);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

absl::Status EncodeQueue::Submit(EncoderRef encoder, std::vector<Sequence> sequences,
                                 encoder::Role role, std::shared_ptr<const Call> call, Done done) {
  auto job = std::make_shared<Job>();
  job->encoder = std::move(encoder);
  job->sequences = std::move(sequences);
  job->call = std::move(call);
  job->done = std::move(done);
  return Enqueue(std::move(job), role == encoder::Role::kQuery);
}

absl::Status EncodeQueue::SubmitPairs(CrossEncoderRef model,
                                      std::vector<encoder::EncodedPair> pairs,
                                      std::shared_ptr<const Call> call, Done done) {
  auto job = std::make_shared<Job>();
  job->cross_encoder = std::move(model);
  job->pairs = std::move(pairs);
  job->call = std::move(call);
  job->done = std::move(done);
  return Enqueue(std::move(job), /*is_query=*/true);
}

absl::Status EncodeQueue::Enqueue(std::shared_ptr<Job> job, bool is_query) {
  KITH_CHECK(job->size() > 0, "an empty job would never end");
  size_t tokens = 0;
  for (size_t i = 0; i < job->size(); ++i) tokens += job->tokens(i);
  job->out.resize(job->size() * job->width());
  absl::MutexLock lock(&mu_);
  if (closing_) return Draining();
  Lane& lane = is_query ? queries_ : passages_;
  if (!lane.jobs.empty() && lane.tokens + tokens > token_capacity_) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kQueueFull,
                 "the encoder's queue is full: {} tokens wait, {} more are too many", lane.tokens,
                 tokens)
        .With("queue", "encoder")
        .With("capacity", token_capacity_)
        .RetryAfter(absl::Seconds(1));
  }
  lane.tokens += tokens;
  lane.jobs.push_back(std::move(job));
  return absl::OkStatus();
}

void EncodeQueue::Forget() {
  absl::MutexLock lock(&mu_);
  ++forget_;
}

void EncodeQueue::DropTokens(Lane* lane, const Job& job) {
  for (size_t i = job.next; i < job.size(); ++i) lane->tokens -= job.tokens(i);
}

std::vector<EncodeQueue::Slice> EncodeQueue::TakeSlices(std::vector<std::shared_ptr<Job>>* ended) {
  const bool passages_turn =
      queries_.jobs.empty() || (!passages_.jobs.empty() && query_turns_ >= kQueryTurnsMax);
  query_turns_ = passages_turn || passages_.jobs.empty() ? 0 : query_turns_ + 1;
  Lane& lane = passages_turn ? passages_ : queries_;

  std::vector<Slice> slices;
  size_t tokens = 0;
  while (!lane.jobs.empty() && tokens < kSliceTokens) {
    const std::shared_ptr<Job> job = lane.jobs.front();
    if (!slices.empty() && !job->IsLike(*slices[0].job)) break;
    if (job->status.ok()) job->status = job->call->Check();
    if (!job->status.ok()) {
      DropTokens(&lane, *job);
      job->next = job->size();
      if (job->running == 0) ended->push_back(job);
      lane.jobs.pop_front();
      continue;
    }
    Slice slice{job, job->next, job->next};
    while (slice.end < job->size() && tokens < kSliceTokens) {
      tokens += job->tokens(slice.end);
      lane.tokens -= job->tokens(slice.end);
      ++slice.end;
    }
    job->next = slice.end;
    ++job->running;
    slices.push_back(std::move(slice));
    lane.jobs.pop_front();
    if (job->next == job->size()) continue;
    // Queries take turns; of passages the first come are served first, so that batches end in the
    // order in which they are committed.
    if (passages_turn) {
      lane.jobs.push_front(job);
    } else {
      lane.jobs.push_back(job);
    }
    break;
  }
  return slices;
}

encoder::RunState* EncodeQueue::StateFor(const Job& job, std::vector<WorkerState>* states) {
  const std::shared_ptr<const void> weights = job.weights();
  const auto found = std::find_if(states->begin(), states->end(), [&](const WorkerState& state) {
    return state.weights.lock() == weights;
  });
  if (found != states->end()) {
    std::rotate(states->begin(), found, found + 1);  // the most recent first
  } else {
    if (states->size() == kStatesMax) states->pop_back();
    states->insert(states->begin(), {weights, job.NewRunState()});
  }
  return states->front().state.get();
}

absl::Status EncodeQueue::Compute(const std::vector<Slice>& slices, Worker* worker) {
  const Job& like = *slices[0].job;
  worker->sequences.clear();
  worker->pairs.clear();
  size_t items = 0;
  for (const Slice& slice : slices) {
    for (size_t i = slice.begin; i < slice.end; ++i) {
      // A pair is taken once, by this worker.
      if (like.encoder != nullptr) {
        worker->sequences.push_back(slice.job->sequences[i]);
      } else {
        worker->pairs.push_back(std::move(slice.job->pairs[i]));
      }
    }
    items += slice.end - slice.begin;
  }
  worker->rows.resize(items * like.width());
  // A slice of one job gives up with its caller; one that several share goes through.
  const Call& call = slices.size() == 1 ? *like.call : Call::Background();
  encoder::RunState* state = StateFor(like, &worker->states);
  KITH_RETURN_IF_ERROR(
      like.encoder != nullptr
          ? like.encoder->Forward(worker->sequences, state, worker->rows.data(), call)
          : like.cross_encoder->Forward(worker->pairs, state, worker->rows.data(), call));
  const float* row = worker->rows.data();
  for (const Slice& slice : slices) {
    const size_t count = (slice.end - slice.begin) * like.width();
    std::copy(row, row + count, slice.job->out.data() + slice.begin * like.width());
    row += count;
  }
  return absl::OkStatus();
}

void EncodeQueue::Run() {
  Worker worker;
  while (true) {
    std::vector<Slice> slices;
    std::vector<std::shared_ptr<Job>> ended;
    bool forget = false;
    {
      absl::MutexLock lock(&mu_);
      const auto has_work = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return closing_ || !queries_.jobs.empty() || !passages_.jobs.empty() ||
               worker.forgotten != forget_;
      };
      mu_.Await(absl::Condition(&has_work));
      if (closing_) return;
      forget = std::exchange(worker.forgotten, forget_) != forget_;
      slices = TakeSlices(&ended);
    }
    if (forget) {
      std::erase_if(worker.states,
                    [](const WorkerState& state) { return state.weights.expired(); });
    }
    Answer(ended);
    if (slices.empty()) continue;
    const absl::Status status = Compute(slices, &worker);
    Answer(Finish(slices, status));
  }
}

std::vector<std::shared_ptr<EncodeQueue::Job>> EncodeQueue::Finish(const std::vector<Slice>& slices,
                                                                   const absl::Status& status) {
  std::vector<std::shared_ptr<Job>> ended;
  absl::MutexLock lock(&mu_);
  for (const Slice& slice : slices) {
    Job& job = *slice.job;
    if (job.status.ok()) job.status = status;
    --job.running;
    // A job that failed, but still stands in its lane, ends when a worker meets it there.
    if (job.running == 0 && job.next == job.size()) ended.push_back(slice.job);
  }
  return ended;
}

void EncodeQueue::Answer(const std::vector<std::shared_ptr<Job>>& ended) {
  for (const std::shared_ptr<Job>& job : ended) {
    if (job->status.ok()) {
      job->done(std::move(job->out));
    } else {
      job->done(job->status);
    }
    job->done = nullptr;  // what it captured goes now, not with the last reference
  }
}

}  // namespace kith::engine
