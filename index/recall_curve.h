// RecallCurve: what the searches of one sealed segment find and cost, measured when it was sealed
// with sampled rows of its own as queries (each left out of its answer), and stored with it. From
// it follows how a search that asks for a recall is done: PlanFor.
//
// Measured at k = 1, 10 and 100, for
//   walks of the graph with a pool of `ef`, of which the best `cap` are scored exactly, and
//   scans of all codes, of which the best `cap` are scored exactly,
// where scoring stops early as every search does (CodeQuery::Reach). Between measured points it
// interpolates, and a promise is kept by the recall less its standard error, not by the mean.
//
// Immutable once made; thread-safe.

#ifndef KITH_INDEX_RECALL_CURVE_H_
#define KITH_INDEX_RECALL_CURVE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace kith::index {

// How one segment is searched.
struct SegmentPlan {
  enum class Way : uint8_t {
    kWalk,      // of the graph
    kCodeScan,  // of all codes
    kExact,     // of all exact rows
  };
  Way way = Way::kExact;
  uint32_t ef = 0;   // of the walk
  uint32_t cap = 0;  // candidates scored exactly at most
};

class RecallCurve {
 public:
  static constexpr std::array<uint32_t, 3> kRanks = {1, 10, 100};
  // Caps are multiples of k. The last stands for the whole pool of a walk.
  static constexpr std::array<float, 7> kCapFactors = {1.5, 2, 3, 5, 8, 16, 1e9};
  static constexpr size_t kMaxWalks = 64;

  struct Point {
    float recall = 0;    // the mean over the samples
    float error = 0;     // standard error of that
    float rescored = 0;  // rows scored exactly, the mean
  };
  // A point for each cap at each rank.
  using Points = std::array<std::array<Point, kCapFactors.size()>, kRanks.size()>;
  struct Walk {
    uint32_t ef = 0;
    float distances = 0;  // code distances of a walk, the mean
    Points points;
  };
  struct Data {
    uint32_t rows = 0;
    uint32_t samples = 0;
    // CPU nanoseconds: of one code distance in a walk and in a scan, of one exact score.
    float walk_ns = 1;
    float scan_ns = 1;
    float rescore_ns = 1;
    std::vector<Walk> walks;  // ascending ef
    Points scan;              // cap factor 1e9: at most kMaxScanCap rows
  };
  static constexpr uint32_t kMaxScanCap = 4096;

  // Nothing measured: every plan is exact.
  RecallCurve() = default;
  explicit RecallCurve(Data data) : data_(std::move(data)) {}

  // The cap that a factor means for k. At least k.
  static uint32_t CapOf(size_t factor, uint32_t k, uint32_t pool);

  // The cheapest way, by the costs measured, that finds `target_recall` of the k best; kExact when
  // none was measured that does. `boost` widens the pool, below 1 it
  // narrows it. `share` is that of the answer
  // which is expected of this segment: the errors of several segments' measures even out.
  SegmentPlan PlanFor(double target_recall, uint32_t k, double boost, double share = 1) const;

  // The least cap of a scan of codes, among those measured, that finds `target_recall` of the k
  // best, as PlanFor has it; 0 when none does.
  uint32_t ScanCapFor(double target_recall, uint32_t k, double boost, double share = 1) const;

  // Code distances that a walk with that pool computes.
  double DistancesAt(double ef) const;

  // Distances after which a walk is worse than a scan of everything.
  uint64_t WalkLimit() const;

  const Data& data() const { return data_; }

  // For the segment's file. DATA_LOSS (CORRUPTION) for bytes that Serialize did not give.
  std::string Serialize() const;
  static absl::StatusOr<RecallCurve> Parse(std::span<const std::byte> bytes);

 private:
  // What a point has to promise: its recall less so many standard errors.
  struct Promise {
    double recall;
    double errors;
    double Of(const Point& point) const { return double{point.recall} - errors * point.error; }
  };
  struct LeastPool {
    double ef = 0;  // infinite: none
    double rescored = 0;
  };
  // The least pool that keeps the promise at a measured rank, with that cap.
  LeastPool LeastWalk(const Promise& promise, size_t rank, size_t factor) const;

  Data data_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_RECALL_CURVE_H_
