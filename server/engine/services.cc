#include "server/engine/services.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace kith::engine {
namespace {

// Requests that wait for a thread: a second's work or so.
constexpr size_t kReadsWaiting = 4096;
constexpr size_t kPreparesWaiting = 1024;
constexpr size_t kBackgroundWaiting = 1 << 20;  // one entry a collection at most
constexpr size_t kTokensWaiting = 4 << 20;

// Of the memory budget: the rows of some thousand hits on a small machine, of a million on a large.
uint64_t HitCacheBytes(uint64_t memory_budget_bytes) {
  return std::min<uint64_t>(memory_budget_bytes / 64, 512 << 20);
}

// What is asked for, but no more than a sixteenth of a small budget.
uint64_t QueryCacheBytes(const DatabaseOptions& options, uint64_t memory_budget_bytes) {
  return std::min<uint64_t>(options.query_cache_bytes, memory_budget_bytes / 16);
}

}  // namespace

Timestamp Now() {
  return {std::chrono::duration_cast<std::chrono::microseconds>(
              std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

Services::Services(const DatabaseOptions& options, std::unique_ptr<storage::Store> opened_store,
                   uint64_t memory_budget_bytes, int thread_count)
    : threads(thread_count),
      limits(options.limits),
      indexing_options(options.indexing),
      on_event(options.on_event),
      store(std::move(opened_store)),
      memory(memory_budget_bytes),
      hits(HitCacheBytes(memory_budget_bytes)),
      queries(QueryCacheBytes(options, memory_budget_bytes)),
      samples(options.indexing.sampler_share, thread_count),
      indexing(options.indexing.threads > 0 ? options.indexing.threads : thread_count / 2 + 1),
      background("background", std::max(1, threads / 2), kBackgroundWaiting),
      // A commit waits for the disk, not for the processor.
      commits("commit", std::max(2, threads / 2), 0),
      reads("read", threads, kReadsWaiting),
      prepares("prepare", threads, kPreparesWaiting),
      encodes(threads, kTokensWaiting),
      hits_memory_(memory.Take(HitCacheBytes(memory_budget_bytes))),
      queries_memory_(memory.Take(QueryCacheBytes(options, memory_budget_bytes))) {}

void Services::Stop() {
  timer.Stop();
  indexing.Stop();  // before the strands: a build may wait for its installation
  prepares.Stop();
  encodes.Stop();
  reads.Stop();
  background.Stop();
  commits.Stop();
}

}  // namespace kith::engine
