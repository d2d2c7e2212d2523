#include "index/sketch_sampling.h"

#include <algorithm>
#include <ctime>
#include <unordered_set>
#include <vector>

#include "index/code_hits.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr size_t kQueries = 64;
constexpr size_t kK = 10;
// Of the best by code, sketches must let through this share.
constexpr double kLeastRecall = 0.998;
// And keep from being scored by code at least this one.
constexpr double kLeastSaved = 0.75;
// Of a code scored out of order, with what little else a sketch within reach costs: what is not
// spent on sketches.
constexpr double kCodeNs = 60;

// Of this thread alone.
double CpuNanoseconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

}  // namespace

absl::StatusOr<std::optional<SketchBook::Costs>> MeasureSketches(
    const SketchScan::Rows& rows, std::span<const float* const> sample, const Kernels& kernels,
    const Call& call) {
  const size_t queries = std::min(kQueries, sample.size());
  const uint32_t count = rows.coded.rows();
  const SketchScan::AllSlots all = {count};
  SketchScan scan;
  CodeQuery query;
  std::vector<CodeHit> expected, found;
  double ns = 0, scored = 0;
  size_t right = 0, wanted = 0;
  for (size_t q = 0; q < queries; ++q) {
    const float* vector = sample[q * sample.size() / queries];
    query.Prepare(*rows.coded.book, vector, kernels);
    KITH_RETURN_IF_ERROR(ScanCodes(
        rows.coded, query, kK, [](uint32_t) { return true; }, call, expected));
    const double begin = CpuNanoseconds();
    KITH_RETURN_IF_ERROR(scan.Run(rows, vector, query, kK, kK, all, kernels, call, found));
    ns += CpuNanoseconds() - begin;
    scored += static_cast<double>(scan.codes_scored());
    // Rows that tie with the last are as good.
    const float last = expected.empty() ? 0 : expected.back().distance;
    for (const CodeHit& hit : found) right += hit.distance <= last ? 1 : 0;
    wanted += expected.size();
  }
  const double all_rows = static_cast<double>(queries) * count;
  if (static_cast<double>(right) < kLeastRecall * static_cast<double>(wanted)) return std::nullopt;
  if (queries == 0 || scored > (1 - kLeastSaved) * all_rows) return std::nullopt;
  return SketchBook::Costs{
      .sketch_ns = static_cast<float>(std::max(0.1, (ns - scored * kCodeNs) / all_rows)),
      .codes_scored = static_cast<float>(scored / static_cast<double>(queries))};
}

}  // namespace kith::index
