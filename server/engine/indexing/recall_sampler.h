// RecallSampler: watches the promise of recall while the data changes. Now and then a search that a
// graph answered is done again, on the View of that moment, by the graph and exactly; the running
// mean of what the graph found is the collection's sampled recall. Where it falls short of what was
// asked for, later searches are widened (`boost`); where it is far beyond, they are narrowed.
//
// SampleBudget: all samplers of a server together keep within a share of its processors.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_INDEXING_RECALL_SAMPLER_H_
#define KITH_SERVER_ENGINE_INDEXING_RECALL_SAMPLER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "index/index_view.h"
#include "kith/base/call.h"

namespace kith::engine {

class Services;
class SpaceIndex;

class SampleBudget {
 public:
  // `share` of `threads` processors; 0: never.
  SampleBudget(double share, int threads) : rate_(share * threads) {}

  // Whether a sample may be taken now. Then it must be told what it took.
  bool Begin() ABSL_LOCKS_EXCLUDED(mu_);
  void End(double cpu_seconds) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const double rate_;
  absl::Mutex mu_;
  bool under_way_ ABSL_GUARDED_BY(mu_) = false;
  Call::Clock::time_point next_ ABSL_GUARDED_BY(mu_);
};

// A search as it was made.
struct SampledSearch {
  std::vector<float> queries;
  uint32_t k = 0;
  double target_recall = 0;
};

class RecallSampler {
 public:
  // Both must outlive it.
  RecallSampler(const Services* services, SpaceIndex* space) : services_(services), space_(space) {}

  // Whether it would take a sample now: cheap, asked after every search by graph. Take() must
  // follow.
  bool Wants();
  void Take(SampledSearch search);

  // 1 at first; less where searches find more than they are asked for.
  double boost() const { return boost_.load(std::memory_order_relaxed); }
  // Absent before the first sample.
  std::optional<double> recall() const ABSL_LOCKS_EXCLUDED(mu_);

  // What a sample said: `recall` where `target` was asked for.
  void Note(double recall, double target) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Compare(const index::IndexView& view, const SampledSearch& search);

  const Services* const services_;
  SpaceIndex* const space_;

  // Relaxed: a number that publishes nothing but itself.
  std::atomic<double> boost_{1};

  mutable absl::Mutex mu_;
  uint64_t samples_ ABSL_GUARDED_BY(mu_) = 0;
  double recall_ ABSL_GUARDED_BY(mu_) = 0;   // running means
  double surplus_ ABSL_GUARDED_BY(mu_) = 0;  // of recall less target
  uint64_t since_change_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_RECALL_SAMPLER_H_
