// When and with what the index is worked on in the background: one set for the server. The defaults
// suit real collections; tests force sealing and merging with small ones.

#ifndef KITH_SERVER_ENGINE_INDEXING_INDEXING_OPTIONS_H_
#define KITH_SERVER_ENGINE_INDEXING_INDEXING_OPTIONS_H_

#include <chrono>
#include <cstdint>

namespace kith::engine {

struct IndexingOptions {
  // Builds at a time, each on a thread of low priority; 0: half of the processors, and one
  // more for short builds beside long ones.
  int threads = 0;

  // A segment that grows is sealed when it is full, or when it has these rows and none came for
  // that long.
  uint32_t seal_rows = 8192;  // "full"; at most what a growing segment takes
  uint32_t idle_rows = 1000;
  std::chrono::milliseconds idle{10'000};

  // Adjacent segments whose rows are within this factor of each other are merged when there are so
  // many of them.
  uint32_t merge_factor = 8;
  // Larger results are not made of others, only of their own live rows.
  uint64_t merge_rows_max = 1 << 30;
  // A segment with this share of its rows deleted is built anew.
  double dead_share_max = 0.25;

  // Index debt: rows outside of graphs. From the first on writers are slowed down, from the second
  // on refused.
  uint64_t debt_paced_rows = 200'000;
  uint64_t debt_refused_rows = 1'000'000;
  // The longest that a write is slowed down.
  std::chrono::milliseconds pace_max{200};

  // The share of processor time that comparing searches with exact ones may take; 0: none are.
  double sampler_share = 0.01;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_INDEXING_OPTIONS_H_
