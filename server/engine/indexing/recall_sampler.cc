#include "server/engine/indexing/recall_sampler.h"

#include <time.h>

#include <algorithm>
#include <utility>

#include "index/search.h"
#include "server/engine/services.h"
#include "server/engine/space_index.h"

namespace kith::engine {
namespace {

// The weight of the newest sample, once there are some.
constexpr double kNewest = 0.05;
// Samples between two changes of the boost: it has to show first.
constexpr uint64_t kSamplesPerChange = 20;
constexpr double kBoostMax = 8;
constexpr double kBoostMin = 0.5;
// How far below the target the mean may be: a mean of few samples is not sharper.
constexpr double kSlack = 0.01;

double ThreadCpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The share of the exact answer that was found. A row that ties with the last one counts.
double RecallOf(const index::SearchResult& found, const index::SearchResult& exact) {
  if (exact.hits.empty()) return 1;
  const float last = exact.hits.back().score;
  size_t good = 0;
  for (const index::Hit& hit : found.hits) good += hit.score >= last;
  return static_cast<double>(std::min(good, exact.hits.size())) /
         static_cast<double>(exact.hits.size());
}

}  // namespace

bool SampleBudget::Begin() {
  if (rate_ <= 0) return false;
  absl::MutexLock lock(&mu_);
  if (under_way_ || Call::Clock::now() < next_) return false;
  return under_way_ = true;
}

void SampleBudget::End(double cpu_seconds) {
  absl::MutexLock lock(&mu_);
  under_way_ = false;
  next_ = Call::Clock::now() + std::chrono::duration_cast<Call::Clock::duration>(
                                   std::chrono::duration<double>(cpu_seconds / rate_));
}

bool RecallSampler::Wants() { return services_->samples.Begin(); }

void RecallSampler::Take(SampledSearch search) {
  // The View is taken when it runs: one that waits here would hold memory that merges have freed.
  services_->indexing.Submit(
      IndexScheduler::Kind::kIdle,
      [services = services_, weak = space_->weak_from_this(), search = std::move(search)] {
        const double before = ThreadCpuSeconds();
        if (const std::shared_ptr<SpaceIndex> space = weak.lock()) {
          space->sampler().Compare(space->view()->index, search);
        }
        services->samples.End(ThreadCpuSeconds() - before);
      });
}

void RecallSampler::Compare(const index::IndexView& view, const SampledSearch& search) {
  thread_local index::SearchScratch scratch;
  const std::shared_ptr<Call> call = services_->indexing.NewCall();
  index::SearchParams params{.queries = search.queries,
                             .k = search.k,
                             .target_recall = search.target_recall,
                             .ef_boost = boost()};
  const auto found = index::Search(view, params, *call, scratch);
  params.exact = true;
  const auto exact = index::Search(view, params, *call, scratch);
  if (found.ok() && exact.ok()) Note(RecallOf(*found, *exact), search.target_recall);
}

std::optional<double> RecallSampler::recall() const {
  absl::MutexLock lock(&mu_);
  if (samples_ == 0) return std::nullopt;
  return recall_;
}

void RecallSampler::Note(double recall, double target) {
  absl::MutexLock lock(&mu_);
  ++samples_;
  const double weight = std::max(kNewest, 1 / static_cast<double>(samples_));
  recall_ += weight * (recall - recall_);
  surplus_ += weight * (recall - target - surplus_);
  if (++since_change_ < kSamplesPerChange) return;
  const double now = boost();
  const double room = (1 - target) / 2;
  double next = now;
  if (surplus_ < -kSlack) next = std::min(kBoostMax, now * 1.3);
  if (surplus_ > room) next = std::max(kBoostMin, now / 1.1);
  if (next == now) return;
  boost_.store(next, std::memory_order_relaxed);
  since_change_ = 0;
  surplus_ = 0;  // what was measured before is of another width
}

}  // namespace kith::engine
