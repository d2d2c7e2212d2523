#include "server/engine/indexing/merge_policy.h"

#include <algorithm>
#include <cmath>

#include "storage/types.h"

namespace kith::engine {
namespace {

using Segments = std::span<const SegmentFacts>;

// Segments within this part of a level of the largest one count as its level (LogMergePolicy).
constexpr double kLevelSpan = 0.75;

class Planner {
 public:
  Planner(Segments segments, const PolicyOptions& options)
      : segments_(segments), options_(options) {}

  std::vector<BuildPlan> Plan() {
    ForRuns(SegmentFacts::Kind::kClosed, [this](size_t first, size_t end) { Seal(first, end); });
    if (options_.merge || options_.force) {
      ForRuns(SegmentFacts::Kind::kSealed, [this](size_t first, size_t end) {
        const size_t before = plans_.size();
        if (options_.force) return MergeAll(first, end);
        MergeLevels(first, end);
        if (options_.settle && plans_.size() == before) Settle(first, end);
      });
      Rewrite();
    }
    return std::move(plans_);
  }

 private:
  // Calls `use` with every longest run of free segments of a kind.
  template <typename Use>
  void ForRuns(SegmentFacts::Kind kind, const Use& use) {
    const auto fits = [&](const SegmentFacts& s) { return s.kind == kind && !s.busy; };
    for (size_t first = 0; first < segments_.size();) {
      if (!fits(segments_[first])) {
        ++first;
        continue;
      }
      size_t end = first + 1;
      while (end < segments_.size() && fits(segments_[end])) ++end;
      use(first, end);
      first = end;
    }
  }

  uint64_t Live(size_t first, size_t end) const {
    uint64_t live = 0;
    for (size_t i = first; i < end; ++i) live += segments_[i].live;
    return live;
  }

  // Whether one segment may hold them.
  bool Fit(size_t first, size_t end) const {
    return segments_[end - 1].end - segments_[first].begin <= storage::kSegmentSpanMax &&
           Live(first, end) <= options_.merge_rows_max;
  }

  void Seal(size_t first, size_t end) {
    const size_t share = (end - first + options_.threads - 1) / options_.threads;
    const size_t most = std::clamp<size_t>(share, 1, options_.merge_factor);
    while (first < end) {
      size_t count = std::min(most, end - first);
      // Even a single one is sealed, whatever its span: a growing segment's is small.
      while (count > 1 && !Fit(first, first + count)) --count;
      plans_.push_back({BuildKind::kSeal, first, count});
      first += count;
    }
  }

  double Level(size_t i) const {
    const auto rows = static_cast<double>(std::max(segments_[i].live, options_.floor_rows));
    return std::log(rows) / std::log(static_cast<double>(options_.merge_factor));
  }

  void MergeLevels(size_t first, size_t end) {
    const double floor = std::log(static_cast<double>(options_.floor_rows)) /
                         std::log(static_cast<double>(options_.merge_factor));
    while (first < end) {
      double highest = floor;
      for (size_t i = first; i < end; ++i) highest = std::max(highest, Level(i));
      const double bottom = std::max(floor, highest - kLevelSpan);
      // Up to the last segment of this level: smaller ones between are taken along.
      size_t last = end;
      while (last > first && Level(last - 1) < bottom) --last;
      size_t next = first;
      for (; next + options_.merge_factor <= last; next += options_.merge_factor) {
        if (Fit(next, next + options_.merge_factor)) {
          plans_.push_back({BuildKind::kMerge, next, options_.merge_factor});
        }
      }
      first = std::max(last, first + 1);
    }
  }

  void Settle(size_t first, size_t end) {
    if (end - first < 2) return;
    size_t largest = first;
    for (size_t i = first; i < end; ++i) {
      if (segments_[i].live > segments_[largest].live) largest = i;
    }
    const uint64_t live = Live(first, end);
    if (Fit(first, end) && live - segments_[largest].live >= segments_[largest].live / 2) {
      plans_.push_back({BuildKind::kMerge, first, end - first});
      return;
    }
    Settle(first, largest);
    Settle(largest + 1, end);
  }

  void MergeAll(size_t first, size_t end) {
    while (first < end) {
      size_t next = first + 1;
      while (next < end && Fit(first, next + 1)) ++next;
      const bool dead = options_.force_rewrite && segments_[first].live < segments_[first].rows;
      if (next - first > 1 || dead) plans_.push_back({BuildKind::kMerge, first, next - first});
      first = next;
    }
  }

  void Rewrite() {
    std::vector<bool> planned(segments_.size(), false);
    for (const BuildPlan& plan : plans_) {
      for (size_t i = plan.first; i < plan.first + plan.count; ++i) planned[i] = true;
    }
    for (size_t i = 0; i < segments_.size(); ++i) {
      const SegmentFacts& s = segments_[i];
      if (s.kind != SegmentFacts::Kind::kSealed || s.busy || planned[i]) continue;
      const auto dead = static_cast<double>(s.rows - s.live);
      if (dead > options_.dead_share_max * static_cast<double>(s.rows)) {
        plans_.push_back({BuildKind::kMerge, i, 1});
      }
    }
  }

  const Segments segments_;
  const PolicyOptions& options_;
  std::vector<BuildPlan> plans_;
};

}  // namespace

std::vector<BuildPlan> PlanBuilds(Segments segments, const PolicyOptions& options) {
  return Planner(segments, options).Plan();
}

}  // namespace kith::engine
