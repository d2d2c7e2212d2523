// The k best of the rows that a filter lets through are about the k / share best of all rows, where
// the filter has nothing to do with the query. A walk led by a few more nodes than that scores
// nearly all of these. Where the filter lets through more of the rows around the query, the walk
// ends as soon as one without a filter; where far fewer, it finds that out, and a scan stands in.

#include "index/filter_plan.h"

#include <algorithm>
#include <cmath>

#include "index/search.h"

namespace kith::index {
namespace {

// How many allowed nodes the leading pool is to hold: so many for each that is asked for, and so
// many for each of the ef that a search without a filter needs, which tells of the recall asked for
// and of how hard the data are. And how many nodes more for each of ef. By filter_bench: recall
// 0.98 of 10 at shares from 0.5 to 0.05 takes 12 allowed nodes and 30 nodes more.
constexpr double kAllowedPerK = 0.8;
constexpr double kAllowedPerEf = 0.09;
constexpr double kMorePerEf = 0.6;

// With less than this part of what it was to hold, a pool stands where the filter does not.
constexpr double kBelieved = 0.35;

// A sketch that is fetched by itself costs about as much as so many in a row.
constexpr double kGathered = 4;

// Sketches lose a row in some hundreds: not for those who ask for more than this.
constexpr double kMostBySketch = 0.995;

struct ScanCost {
  double ns;
  bool by_sketch;
};

// Of the codes of `matches` rows: these alone, or all in a row; or of their sketches, and the codes
// of those within reach. The measure was of ten hits among all rows: with more hits, or fewer rows,
// about as many more, or as many, are within reach.
ScanCost CostOfScan(const RecallCurve::Data& data, const FilterRequest& request) {
  const double matches = request.matches;
  const double codes = std::min(matches * data.walk_ns, double{1} * data.rows * data.scan_ns);
  if (request.sketches == nullptr || request.target_recall > kMostBySketch) return {codes, false};
  const SketchBook::Costs& costs = request.sketches->costs();
  const double scored = costs.codes_scored * std::max(1.0, request.asked.most / 10.0);
  const double read = std::min(double{1} * data.rows, kGathered * matches);
  const double sketches = read * costs.sketch_ns + std::min(scored, matches) * data.walk_ns;
  return sketches < codes ? ScanCost{sketches, true} : ScanCost{codes, false};
}

}  // namespace

FilterPlan PlanFiltered(const RecallCurve& curve, const FilterRequest& request) {
  const RecallCurve::Data& data = curve.data();
  const double matches = request.matches;
  const ScanCost scan = CostOfScan(data, request);
  FilterPlan best;
  best.by_sketch = scan.by_sketch;
  double least = matches * data.rescore_ns;

  const RankShare& asked = request.asked;
  uint32_t cap = request.ef;
  if (cap == 0) {
    cap = curve.ScanCapFor(request.target_recall, asked.expected, request.boost, asked.share);
  }
  if (cap > 0) {
    cap = std::max(cap, asked.most);
    const double cost = scan.ns + std::min<double>(cap, matches) * data.rescore_ns;
    if (cost < least) {
      least = cost;
      best.plan = {SegmentPlan::Way::kCodeScan, 0, cap};
    }
  }

  SegmentPlan walk = {SegmentPlan::Way::kWalk, request.ef, request.ef};
  if (request.ef == 0) {
    walk = curve.PlanFor(request.target_recall, asked.expected, request.boost, asked.share);
    walk.ef = std::max(walk.ef, asked.most);
    walk.cap = std::max(walk.cap, asked.most);
  }
  if (walk.way != SegmentPlan::Way::kWalk) return best;
  const double share = matches / data.rows;
  const double allowed = kAllowedPerK * request.boost * asked.most + kAllowedPerEf * walk.ef;
  const double pool = std::max<double>(walk.ef, kMorePerEf * walk.ef + allowed / share);
  if (pool > kMaxEf) return best;
  const double cost = curve.DistancesAt(pool) * data.walk_ns + walk.cap * data.rescore_ns;
  if (cost >= least) return best;
  best.plan = walk;
  best.pool = static_cast<uint32_t>(pool);
  best.least_around = static_cast<uint32_t>(std::ceil(kBelieved * pool * share));
  best.least_share = kBelieved * share;
  return best;
}

}  // namespace kith::index
