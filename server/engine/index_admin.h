// What is known of a collection's index, and asked of it: its segments and the work on them, the
// recall that its searches reach, and the memory that a collection would take. Plain values.

#ifndef KITH_SERVER_ENGINE_INDEX_ADMIN_H_
#define KITH_SERVER_ENGINE_INDEX_ADMIN_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/schema.h"

namespace kith::engine {

// --- Status ---

enum class SegmentState : uint8_t {
  kGrowing = 1,  // takes rows, or waits to be sealed; scanned by code
  kSealed = 2,   // has a graph
  kDamaged = 3,  // a sealed one whose files failed a check: being replaced from storage
};

struct SegmentStatus {
  uint64_t id = 0;  // 0: growing
  SegmentState state = SegmentState::kGrowing;
  uint64_t first_ordinal = 0, end_ordinal = 0;  // those of its rows lie in [first, end)
  uint64_t rows = 0;                            // deleted ones, too
  uint64_t deleted_rows = 0;
  uint64_t memory_bytes = 0;
  uint64_t disk_bytes = 0;   // of its files
  std::string quantization;  // of its codes: "int4", "int8", "f16", "f32"; "int8" while it grows
  double build_seconds = 0;  // 0: it was loaded, or grows
};

enum class IndexPhase : uint8_t {
  kIdle = 1,     // nothing to do
  kWaiting = 2,  // for a thread, for memory, or for the rows to settle
  kSealing = 3,
  kMerging = 4,
};

struct IndexStatus {
  IndexPhase phase = IndexPhase::kIdle;
  // Of the builds that run now, in rows; 0 while none does.
  uint64_t done = 0, total = 0;
  double rows_per_second = 0;          // of these builds, so far
  std::optional<double> seconds_left;  // absent: not known yet, or nothing runs
  // Index debt: rows that no graph covers yet, and where writers are paced and refused.
  uint64_t debt_rows = 0;
  uint64_t debt_paced_rows = 0, debt_refused_rows = 0;
  uint64_t indexed_rows = 0;  // live rows in sealed segments
  uint64_t live_rows = 0;
  uint64_t seals = 0, merges = 0, rebuilds = 0, failures = 0;  // since the collection was loaded
  std::string last_error;  // of a build; empty: none since the last one that succeeded
  // What the live sampler found: recall of recent searches by graph, and by how much it widens
  // them.
  std::optional<double> sampled_recall;
  double ef_boost = 1;
  std::vector<SegmentStatus> segments;  // by ordinal
};

// --- Recall on demand ---

struct RecallRequest {
  // Asked vectors, end to end, at most Limits::recall_queries; empty: `sample` stored vectors, each
  // without itself.
  std::vector<float> queries;
  uint32_t sample = 100;
  uint32_t k = 10;
  std::optional<double> target_recall = {};  // what the searches are tuned to; absent: the default
  std::optional<int64_t> ef = {};
};

struct RecallPoint {
  uint32_t ef = 0;  // 0: the scan of codes
  double recall = 0;
  double distances = 0;     // per query: by code
  double microseconds = 0;  // per query
};

struct RecallAnswer {
  uint32_t queries = 0;
  uint32_t k = 0;
  double recall = 0;        // recall@k of searches as asked for, against exact search
  double worst_recall = 0;  // of a single query
  double p50_microseconds = 0, p99_microseconds = 0;  // of these searches
  double exact_p50_microseconds = 0;                  // of the exact ones
  std::vector<RecallPoint> curve;                     // rising by ef; empty without a graph
  std::string advice;                                 // a sentence
};
using RecallDone = std::function<void(absl::StatusOr<RecallAnswer>)>;

// --- Memory, before it is taken ---

struct EstimateRequest {
  uint64_t passages = 0;
  uint32_t dimension = 0;
  IndexSettings index = {};
  double mean_text_bytes = 0;  // of a passage; 0: vectors only
};

struct Estimate {
  uint64_t resident_bytes = 0;  // graph, codes, ordinals: must fit into the budget
  uint64_t cached_bytes = 0;    // exact vectors: mapped, may be dropped by the system
  uint64_t build_bytes = 0;     // further, while the largest segment is built
  uint64_t disk_bytes = 0;      // segments, vectors, texts; while a merge runs it may be this again
  uint64_t budget_bytes = 0;    // of this server, and what is taken of it
  uint64_t used_bytes = 0;
  bool fits = false;  // resident_bytes and build_bytes, beside what is taken, under 90 %
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEX_ADMIN_H_
