// Services: what every part of the engine shares. The Database makes one and outlives all who use
// it.

#ifndef KITH_SERVER_ENGINE_SERVICES_H_
#define KITH_SERVER_ENGINE_SERVICES_H_

#include <atomic>
#include <functional>
#include <memory>

#include "server/engine/analyser_registry.h"
#include "server/engine/database.h"
#include "server/engine/document.h"
#include "server/engine/encode_queue.h"
#include "server/engine/executor.h"
#include "server/engine/hit_cache.h"
#include "server/engine/in_flight.h"
#include "server/engine/indexing/index_scheduler.h"
#include "server/engine/indexing/indexing_options.h"
#include "server/engine/indexing/recall_sampler.h"
#include "server/engine/limits.h"
#include "server/engine/memory_budget.h"
#include "server/engine/query_cache.h"
#include "server/engine/timer.h"
#include "storage/store.h"

namespace kith::engine {

// The wall clock: times that are stored or shown. Durations use Call::Clock.
Timestamp Now();

class Services {
 public:
  Services(const DatabaseOptions& options, std::unique_ptr<storage::Store> store,
           uint64_t memory_budget_bytes, int threads);

  // The end has begun: background work that is cancelled now goes on at the next start.
  void BeginStop() { stopping_.store(true, std::memory_order_relaxed); }
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  // Ends all threads, in the order in which work flows through them: what was accepted is answered,
  // or refused with DRAINING. Memory and storage stay for those who still hold something of them.
  void Stop();

  void Report(Event::Level level, std::string message, std::string collection = "") const {
    if (on_event) on_event({level, std::move(message), std::move(collection)});
  }

  const int threads;
  const Limits limits;
  const IndexingOptions indexing_options;
  const std::function<void(const Event&)> on_event;
  const std::unique_ptr<storage::Store> store;
  mutable MemoryBudget memory;
  mutable HitCache hits;
  mutable QueryCache queries;
  mutable AnalyserRegistry analysers;
  mutable InFlight in_flight;  // requests that were accepted and not answered yet
  mutable Timer timer;
  mutable SampleBudget samples;
  mutable IndexScheduler indexing;  // building segments
  mutable Executor background;      // reclaiming space, loading collections
  mutable Executor commits;         // the shards' strands
  mutable Executor reads;           // searches, reads, catalog changes
  mutable Executor prepares;        // splitting, tokenising
  mutable EncodeQueue encodes;

 private:
  const MemoryBudget::Reservation hits_memory_;
  const MemoryBudget::Reservation queries_memory_;
  // Relaxed: a flag, which publishes nothing but itself.
  std::atomic<bool> stopping_{false};
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SERVICES_H_
