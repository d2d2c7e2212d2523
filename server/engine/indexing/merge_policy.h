// PlanBuilds: which segments should be built into which, now. Looks at the sizes of a vector
// space's segments and decides; knows no threads, files or rows.
//
// Sealing: growing segments that are full or closed get a graph. When several wait side by side
// they get one together: a backlog is worked off in fewer, larger builds.
// Merging, as Lucene's LogMergePolicy does it: adjacent segments of about one size, `merge_factor`
// of them at a time, so that every row is built anew once a level, and levels rise by that factor.
// Rewriting: a segment of which too much is deleted is built anew by itself.
// Settling: once nothing is written, adjacent segments are merged as long as the largest of them
// grows by half: fewer graphs for every search, and still each row is built few times.
//
// Pure function.

#ifndef KITH_SERVER_ENGINE_INDEXING_MERGE_POLICY_H_
#define KITH_SERVER_ENGINE_INDEXING_MERGE_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kith::engine {

// A segment of a View, in order of ordinals.
struct SegmentFacts {
  enum class Kind : uint8_t {
    kOpen,    // takes rows: left alone
    kClosed,  // growing, full or closed: waits to be sealed
    kSealed,
  };
  Kind kind = Kind::kSealed;
  bool busy = false;  // a build works on it: left alone
  uint64_t begin = 0, end = 0;
  uint64_t rows = 0;
  uint64_t live = 0;
};

struct PolicyOptions {
  uint32_t merge_factor = 8;
  uint64_t merge_rows_max = uint64_t{1} << 30;
  double dead_share_max = 0.25;
  uint64_t floor_rows = 8192;  // smaller segments count as this large
  // Builds that could run side by side: a backlog is spread over them.
  uint32_t threads = 1;
  bool merge = true;          // false: seal only, since too much waits for it
  bool settle = false;        // nothing is written
  bool force = false;         // merge as far as merge_rows_max allows
  bool force_rewrite = true;  // and even a single segment that has deleted rows
};

enum class BuildKind : uint8_t { kSeal, kMerge };

// Segments [first, first + count) become one.
struct BuildPlan {
  BuildKind kind = BuildKind::kSeal;
  size_t first = 0;
  size_t count = 1;

  friend bool operator==(const BuildPlan&, const BuildPlan&) = default;
};

// All builds that may begin now, the most urgent first; no segment is in two of them.
std::vector<BuildPlan> PlanBuilds(std::span<const SegmentFacts> segments,
                                  const PolicyOptions& options);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_MERGE_POLICY_H_
