#include "server/engine/encode_queue.h"

#include <pthread.h>

#include <algorithm>
#include <span>
#include <utility>

#include "absl/time/time.h"
#include "kith/base/check.h"
#include "kith/base/error.h"
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

size_t TokenCount(const std::vector<EncodeQueue::Sequence>& sequences, size_t begin = 0) {
  size_t count = 0;
  for (size_t i = begin; i < sequences.size(); ++i) count += sequences[i].size();
  return count;
}

}  // namespace

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
        job->next = job->sequences.size();
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
  KITH_CHECK(!sequences.empty(), "an empty job would never end");
  const size_t tokens = TokenCount(sequences);
  auto job = std::make_shared<Job>();
  job->out.resize(sequences.size() * encoder->info().dimension);
  job->encoder = std::move(encoder);
  job->sequences = std::move(sequences);
  job->call = std::move(call);
  job->done = std::move(done);

  absl::MutexLock lock(&mu_);
  if (closing_) return Draining();
  Lane& lane = role == encoder::Role::kQuery ? queries_ : passages_;
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

void EncodeQueue::DropTokens(Lane* lane, const Job& job) {
  lane->tokens -= TokenCount(job.sequences, job.next);
}

std::vector<EncodeQueue::Slice> EncodeQueue::TakeSlices(std::vector<std::shared_ptr<Job>>* ended) {
  const bool passages_turn =
      queries_.jobs.empty() || (!passages_.jobs.empty() && query_turns_ >= kQueryTurnsMax);
  query_turns_ = passages_turn || passages_.jobs.empty() ? 0 : query_turns_ + 1;
  Lane& lane = passages_turn ? passages_ : queries_;

  std::vector<Slice> slices;
  size_t tokens = 0;
  while (!lane.jobs.empty() && tokens < kSliceTokens) {
    const std::shared_ptr<Job>& job = lane.jobs.front();
    if (!slices.empty() && job->encoder != slices[0].job->encoder) break;
    if (job->status.ok()) job->status = job->call->Check();
    if (!job->status.ok()) {
      DropTokens(&lane, *job);
      job->next = job->sequences.size();
      if (job->running == 0) ended->push_back(job);
      lane.jobs.pop_front();
      continue;
    }
    Slice slice{job, job->next, job->next};
    while (slice.end < job->sequences.size() && (tokens < kSliceTokens)) {
      tokens += job->sequences[slice.end].size();
      lane.tokens -= job->sequences[slice.end].size();
      ++slice.end;
    }
    job->next = slice.end;
    ++job->running;
    slices.push_back(std::move(slice));
    if (job->next < job->sequences.size()) break;
    lane.jobs.pop_front();
  }
  return slices;
}

encoder::RunState* EncodeQueue::StateFor(const EncoderRef& encoder, WorkerStates* states) {
  const auto found = std::find_if(states->begin(), states->end(),
                                  [&](const auto& entry) { return entry.first == encoder; });
  if (found != states->end()) {
    std::rotate(states->begin(), found, found + 1);  // the most recent first
  } else {
    if (states->size() == kStatesMax) states->pop_back();
    states->emplace(states->begin(), encoder, encoder->NewRunState());
  }
  return states->front().second.get();
}

void EncodeQueue::Run() {
  WorkerStates states;
  std::vector<std::span<const int32_t>> packed;
  std::vector<float> rows;
  while (true) {
    std::vector<Slice> slices;
    std::vector<std::shared_ptr<Job>> ended;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(
          +[](EncodeQueue* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mu_) {
            return self->closing_ || !self->queries_.jobs.empty() || !self->passages_.jobs.empty();
          },
          this));
      if (closing_) return;
      slices = TakeSlices(&ended);
    }
    Answer(ended);
    if (slices.empty()) continue;

    packed.clear();
    for (const Slice& slice : slices) {
      for (size_t i = slice.begin; i < slice.end; ++i) packed.push_back(slice.job->sequences[i]);
    }
    const EncoderRef& encoder = slices[0].job->encoder;
    const size_t dimension = encoder->info().dimension;
    rows.resize(packed.size() * dimension);
    // A slice of one job gives up with its caller; one that several share goes through.
    const Call& call = slices.size() == 1 ? *slices[0].job->call : Call::Background();
    const absl::Status status =
        encoder->Forward(packed, StateFor(encoder, &states), rows.data(), call);
    if (status.ok()) {
      const float* row = rows.data();
      for (const Slice& slice : slices) {
        const size_t count = (slice.end - slice.begin) * dimension;
        std::copy(row, row + count, slice.job->out.data() + slice.begin * dimension);
        row += count;
      }
    }
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
    if (job.running == 0 && job.next == job.sequences.size()) ended.push_back(slice.job);
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
