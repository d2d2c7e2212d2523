#include "index/measure_recall.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <random>

#include "index/exact_scan.h"
#include "index/sealed_parts.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kPools[] = {10,  14,  20,  28,  40,  56,   80,   112, 160,
                               224, 320, 448, 640, 896, 1280, 1792, 2560};

struct Truth {
  std::span<const float> query;
  std::array<OrdinalRange, 1> itself;  // left out of every answer; empty: nothing is
  std::vector<Hit> hits;
};

double Microseconds(Clock::time_point since) {
  return std::chrono::duration<double, std::micro>(Clock::now() - since).count();
}

double Percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto at =
      values.begin() + static_cast<ptrdiff_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

class Measurement {
 public:
  Measurement(const IndexView& view, const RecallRequest& request, const Call& call)
      : view_(view), request_(request), call_(call) {}

  absl::StatusOr<RecallReport> Run();

 private:
  // What the searches of one setting found.
  struct Found {
    std::vector<double> recalls;
    std::vector<double> latencies_us;
    double distances = 0;  // in all

    double recall() const;
    double error() const;
  };

  absl::Status TakeQueries();
  absl::Status SampleRows();
  absl::Status CopyVector(const SegmentView& segment, uint32_t slot, float* into) const;
  absl::Status FindTruth();
  absl::StatusOr<Found> Ask(const SearchParams& how);
  double RecallOf(const Truth& truth, const std::vector<Hit>& hits) const;

  const IndexView& view_;
  const RecallRequest& request_;
  const Call& call_;
  SearchScratch scratch_;
  std::vector<float> sampled_;
  std::vector<Truth> truths_;
  std::vector<double> exact_us_;
};

double Measurement::Found::recall() const {
  double sum = 0;
  for (double recall : recalls) sum += recall;
  return sum / static_cast<double>(recalls.size());
}

double Measurement::Found::error() const {
  const double mean = recall();
  double squares = 0;
  for (double recall : recalls) squares += (recall - mean) * (recall - mean);
  return std::sqrt(squares) / static_cast<double>(recalls.size());
}

absl::Status Measurement::TakeQueries() {
  const size_t dimension = view_.options().dimension;
  if (request_.queries.empty()) return SampleRows();
  if (request_.queries.size() % dimension != 0) {
    return InvalidArgument(reason::kDimensionMismatch,
                           "got {} query components, the vector space has dimension {}",
                           request_.queries.size(), dimension)
        .Field("queries");
  }
  for (size_t at = 0; at < request_.queries.size(); at += dimension) {
    truths_.push_back({request_.queries.subspan(at, dimension), {}, {}});
  }
  return absl::OkStatus();
}

absl::Status Measurement::CopyVector(const SegmentView& segment, uint32_t slot, float* into) const {
  const float* values = nullptr;
  if (segment.sealed != nullptr) {
    const ExactRows& exact = *segment.sealed->parts().exact;
    values = exact.Row(slot).values;
    if (values == nullptr) return exact.DamageOf(slot);
  } else {
    values = segment.growing->Exact(slot);
  }
  std::memcpy(into, values, view_.options().dimension * sizeof(float));
  return absl::OkStatus();
}

// Evenly, among the live rows, in one pass over them: slots are looked at, not vectors.
absl::Status Measurement::SampleRows() {
  const uint64_t live = view_.live_rows();
  const uint64_t count = std::min<uint64_t>(request_.samples, live);
  const size_t dimension = view_.options().dimension;
  sampled_.resize(count * dimension);
  std::mt19937_64 random(request_.seed);
  const auto place = [&](uint64_t i) {
    const uint64_t begin = i * live / count;
    return begin + random() % std::max<uint64_t>((i + 1) * live / count - begin, 1);
  };
  uint64_t at = 0;
  uint64_t next = count == 0 ? 0 : place(0);
  for (const SegmentView& segment : view_.segments()) {
    for (uint32_t slot = 0; slot < segment.visible && truths_.size() < count; ++slot) {
      if (segment.deleted.Contains(slot) || at++ != next) continue;
      float* vector = sampled_.data() + truths_.size() * dimension;
      KITH_RETURN_IF_ERROR(CopyVector(segment, slot, vector));
      const uint64_t ordinal = segment.Ordinal(slot);
      truths_.push_back({{vector, dimension}, {OrdinalRange{ordinal, ordinal + 1}}, {}});
      if (truths_.size() < count) next = place(truths_.size());
    }
  }
  return absl::OkStatus();
}

absl::Status Measurement::FindTruth() {
  for (Truth& truth : truths_) {
    SearchParams params = request_.search;
    params.queries = truth.query;
    params.exclude = truth.itself;
    params.exact = true;
    const auto begin = Clock::now();
    KITH_ASSIGN_OR_RETURN(SearchResult result, Search(view_, params, call_, scratch_));
    exact_us_.push_back(Microseconds(begin));
    truth.hits = std::move(result.hits);
  }
  return absl::OkStatus();
}

double Measurement::RecallOf(const Truth& truth, const std::vector<Hit>& hits) const {
  if (truth.hits.empty()) return 1;
  const float floor = truth.hits.back().score;
  const auto found =
      std::count_if(hits.begin(), hits.end(), [&](const Hit& hit) { return hit.score >= floor; });
  return static_cast<double>(found) / static_cast<double>(truth.hits.size());
}

absl::StatusOr<Measurement::Found> Measurement::Ask(const SearchParams& how) {
  Found found;
  for (const Truth& truth : truths_) {
    SearchParams params = how;
    params.queries = truth.query;
    params.exclude = truth.itself;
    const auto begin = Clock::now();
    KITH_ASSIGN_OR_RETURN(const SearchResult result, Search(view_, params, call_, scratch_));
    found.latencies_us.push_back(Microseconds(begin));
    found.recalls.push_back(RecallOf(truth, result.hits));
    found.distances += static_cast<double>(result.graph_distances + result.rows_scanned);
  }
  return found;
}

absl::StatusOr<RecallReport> Measurement::Run() {
  RecallReport report;
  KITH_RETURN_IF_ERROR(TakeQueries());
  report.queries = static_cast<uint32_t>(truths_.size());
  if (truths_.empty()) return report;
  KITH_RETURN_IF_ERROR(FindTruth());
  KITH_ASSIGN_OR_RETURN(const Found asked, Ask(request_.search));
  report.recall = asked.recall();
  report.recall_error = asked.error();
  report.recall_least = *std::min_element(asked.recalls.begin(), asked.recalls.end());
  report.latency_us_p50 = Percentile(asked.latencies_us, 0.5);
  report.latency_us_p95 = Percentile(asked.latencies_us, 0.95);
  report.latency_us_p99 = Percentile(asked.latencies_us, 0.99);
  report.exact_latency_us_p50 = Percentile(exact_us_, 0.5);
  const double target = request_.search.target_recall;
  report.target_met = report.recall + report.recall_error >= target;

  const bool any_graph = std::any_of(view_.segments().begin(), view_.segments().end(),
                                     [](const SegmentView& s) { return s.sealed != nullptr; });
  for (const uint32_t ef : kPools) {
    if (!any_graph) break;
    SearchParams params = request_.search;
    params.exact = false;
    params.ef = ef;
    KITH_ASSIGN_OR_RETURN(const Found found, Ask(params));
    report.curve.push_back({.ef = ef,
                            .recall = found.recall(),
                            .latency_us_p50 = Percentile(found.latencies_us, 0.5),
                            .distances = found.distances / static_cast<double>(truths_.size())});
    if (report.advised_ef == 0 && found.recall() >= target) report.advised_ef = ef;
    // Beyond this nothing is left to find, or to gain.
    if (found.recall() >= 0.9999 ||
        report.curve.back().latency_us_p50 > 2 * report.exact_latency_us_p50) {
      break;
    }
  }
  return report;
}

}  // namespace

absl::StatusOr<RecallReport> MeasureRecall(const IndexView& view, const RecallRequest& request,
                                           const Call& call) {
  return Measurement(view, request, call).Run();
}

}  // namespace kith::index
