#include "index/recall_curve.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "index/search.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr size_t kFactors = RecallCurve::kCapFactors.size();

// Misses shrink about as a power of the pool, so that this is about linear in log(ef).
double Nines(double recall) { return -std::log(1.0001 - recall); }

// On a line from (x0, y0) to (x1, y1).
double Between(double x, double x0, double y0, double x1, double y1) {
  return x1 == x0 ? y0 : y0 + (y1 - y0) * (x - x0) / (x1 - x0);
}

// k lies between two measured ranks, on a scale of logarithms; beyond the last, everything grows in
// proportion to k.
struct RankOf {
  explicit RankOf(uint32_t k) {
    constexpr auto& ranks = RecallCurve::kRanks;
    while (upper + 1 < ranks.size() && ranks[upper] < k) ++upper;
    lower = upper == 0 || ranks[upper] <= k ? upper : upper - 1;
    if (k > ranks[upper]) scale = double{1} * k / ranks[upper];
    if (lower != upper) {
      share = std::log(double{1} * k / ranks[lower]) /
              std::log(double{1} * ranks[upper] / ranks[lower]);
    }
  }
  double Of(double at_lower, double at_upper) const {
    return scale * std::exp(Between(share, 0, std::log(at_lower), 1, std::log(at_upper)));
  }

  size_t lower = 0;
  size_t upper = 0;
  double share = 0;
  double scale = 1;
};

// Rounded up, but not for what logarithms and back leave behind.
uint32_t ToCount(double value, double most) {
  return static_cast<uint32_t>(std::clamp(std::ceil(value * (1 - 1e-9)), 1.0, most));
}

}  // namespace

uint32_t RecallCurve::CapOf(size_t factor, uint32_t k, uint32_t pool) {
  const double cap = std::ceil(double{kCapFactors[factor]} * k);
  return std::max(k, ToCount(std::min<double>(cap, pool), UINT32_MAX));
}

RecallCurve::LeastPool RecallCurve::LeastWalk(const Promise& promise, size_t rank,
                                              size_t factor) const {
  const std::vector<Walk>& walks = data_.walks;
  const auto reaches = [&](const Walk& walk) {
    return promise.Of(walk.points[rank][factor]) >= promise.recall;
  };
  const auto first = std::find_if(walks.begin(), walks.end(), reaches);
  if (first == walks.end()) return {kNever, 0};
  const Point& point = first->points[rank][factor];
  if (first == walks.begin()) return {double{1} * first->ef, point.rescored};
  const auto before = first - 1;
  const double log_ef =
      Between(Nines(promise.recall), Nines(promise.Of(before->points[rank][factor])),
              std::log(before->ef), Nines(promise.Of(point)), std::log(first->ef));
  return {std::exp(log_ef), point.rescored};
}

double RecallCurve::DistancesAt(double ef) const {
  const std::vector<Walk>& walks = data_.walks;
  if (walks.empty()) return kNever;
  if (ef <= walks.front().ef) return walks.front().distances;
  const auto after =
      std::find_if(walks.begin(), walks.end(), [&](const Walk& walk) { return walk.ef >= ef; });
  // A larger pool than any measured looks at more in proportion.
  if (after == walks.end()) return walks.back().distances * ef / walks.back().ef;
  const auto before = after - 1;
  return Between(ef, before->ef, before->distances, after->ef, after->distances);
}

SegmentPlan RecallCurve::PlanFor(double target_recall, uint32_t k, double boost,
                                 double share) const {
  SegmentPlan best;
  if (target_recall >= 1 || data_.samples == 0 || k >= data_.rows) return best;
  double least = double{1} * data_.rows * data_.rescore_ns;
  const RankOf rank(k);
  const double wider = std::max(1.0, boost);
  const Promise promise = {target_recall, std::sqrt(share)};
  for (size_t factor = 0; factor < kFactors; ++factor) {
    const LeastPool lower = LeastWalk(promise, rank.lower, factor);
    const LeastPool upper = LeastWalk(promise, rank.upper, factor);
    if (lower.ef != kNever && upper.ef != kNever) {
      const double ef = std::max<double>(k, rank.Of(lower.ef, upper.ef) * boost);
      const double rescored = rank.Of(std::max(lower.rescored, 1.0), std::max(upper.rescored, 1.0));
      const double cost = DistancesAt(ef) * data_.walk_ns + wider * rescored * data_.rescore_ns;
      if (ef <= kMaxEf && cost < least) {
        least = cost;
        const uint32_t pool = ToCount(ef, kMaxEf);
        best = {SegmentPlan::Way::kWalk, pool,
                std::min(pool, ToCount(wider * CapOf(factor, k, pool), kMaxEf))};
      }
    }
    const Point& scan_lower = data_.scan[rank.lower][factor];
    const Point& scan_upper = data_.scan[rank.upper][factor];
    if (std::min(promise.Of(scan_lower), promise.Of(scan_upper)) >= target_recall) {
      const double rescored =
          rank.Of(std::max(scan_lower.rescored, 1.0f), std::max(scan_upper.rescored, 1.0f));
      const double cost =
          double{1} * data_.rows * data_.scan_ns + wider * rescored * data_.rescore_ns;
      if (cost < least) {
        least = cost;
        const uint32_t cap = CapOf(factor, k, ToCount(kMaxScanCap * rank.scale, UINT32_MAX));
        best = {SegmentPlan::Way::kCodeScan, 0, ToCount(wider * cap, UINT32_MAX)};
      }
    }
  }
  return best;
}

uint32_t RecallCurve::ScanCapFor(double target_recall, uint32_t k, double boost,
                                 double share) const {
  if (data_.samples == 0) return 0;
  const RankOf rank(k);
  const Promise promise = {target_recall, std::sqrt(share)};
  for (size_t factor = 0; factor < kFactors; ++factor) {
    const double found = std::min(promise.Of(data_.scan[rank.lower][factor]),
                                  promise.Of(data_.scan[rank.upper][factor]));
    if (found < target_recall) continue;
    const uint32_t cap = CapOf(factor, k, ToCount(kMaxScanCap * rank.scale, UINT32_MAX));
    return ToCount(std::max(1.0, boost) * cap, UINT32_MAX);
  }
  return 0;
}

uint64_t RecallCurve::WalkLimit() const {
  // Twice, since the measure is one of a calm moment; and never too little for a small segment.
  const double scan = 2.0 * data_.rows * data_.scan_ns / std::max(data_.walk_ns, 1e-3f);
  return static_cast<uint64_t>(std::max(scan, 10000.0));
}

}  // namespace kith::index
