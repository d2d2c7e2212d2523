#include "server/engine/indexing/recall_report.h"

#include <string>

#include "fmt/format.h"
#include "index/measure_recall.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/search.h"
#include "server/engine/validate.h"

namespace kith::engine {
namespace {

std::string AdviceOf(const index::RecallReport& report, const RecallRequest& request) {
  if (report.queries == 0) return "the collection is empty: there is nothing to measure";
  const double target = request.target_recall.value_or(kDefaultTargetRecall);
  if (report.curve.empty()) {
    return "no segment has a graph yet: searches scan, and find everything";
  }
  const std::string found = fmt::format("recall@{} is {:.4f} (standard error {:.4f})", request.k,
                                        report.recall, report.recall_error);
  if (request.ef) {
    return report.advised_ef == 0
               ? fmt::format(
                     "{}; no ef that was tried reaches {}: ask by target_recall, or exactly", found,
                     target)
               : fmt::format("{}; ef {} is the least that reaches {}", found, report.advised_ef,
                             target);
  }
  if (report.target_met) return fmt::format("{}: the target of {} is met", found, target);
  return fmt::format(
      "{}, below the target of {}: these queries may be unlike the stored vectors; raise "
      "target_recall, use a finer quantization, or ask exactly",
      found, target);
}

}  // namespace

absl::Status ValidateRecallRequest(const RecallRequest& request, uint32_t dimension,
                                   const Limits& limits) {
  const auto check = [](const char* field, uint64_t value, uint64_t least,
                        uint64_t most) -> absl::Status {
    if (value >= least && value <= most) return absl::OkStatus();
    return InvalidArgument(reason::kLimitOutOfRange, "{}: {} given, must be from {} to {}", field,
                           value, least, most)
        .Field(field)
        .With("limit", most);
  };
  KITH_RETURN_IF_ERROR(check("k", request.k, 1, limits.results));
  if (request.queries.empty()) {
    KITH_RETURN_IF_ERROR(check("sample", request.sample, 1, limits.recall_queries));
  } else {
    if (request.queries.size() % dimension != 0) {
      return InvalidArgument(reason::kDimensionMismatch,
                             "queries: {} values, which are no whole vectors of {}",
                             request.queries.size(), dimension)
          .Field("queries");
    }
    KITH_RETURN_IF_ERROR(
        check("queries", request.queries.size() / dimension, 1, limits.recall_queries));
  }
  if (request.target_recall && request.ef) {
    return InvalidArgument(reason::kInvalidRequest,
                           "tuning: target_recall and ef exclude each other")
        .Field("tuning");
  }
  return ValidateTuning(request.target_recall, request.ef);
}

absl::StatusOr<RecallAnswer> MeasureOn(const index::IndexView& view, const RecallRequest& request,
                                       double boost, const Call& call) {
  index::RecallRequest measured;
  measured.queries = request.queries;
  measured.samples = request.sample;
  measured.search.k = request.k;
  measured.search.target_recall = request.target_recall.value_or(kDefaultTargetRecall);
  measured.search.ef = static_cast<uint32_t>(request.ef.value_or(0));
  measured.search.ef_boost = boost;
  KITH_ASSIGN_OR_RETURN(const index::RecallReport report,
                        index::MeasureRecall(view, measured, call));
  RecallAnswer answer;
  answer.queries = report.queries;
  answer.k = request.k;
  answer.recall = report.recall;
  answer.worst_recall = report.recall_least;
  answer.p50_microseconds = report.latency_us_p50;
  answer.p99_microseconds = report.latency_us_p99;
  answer.exact_p50_microseconds = report.exact_latency_us_p50;
  for (const index::RecallPoint& point : report.curve) {
    answer.curve.push_back({point.ef, point.recall, point.distances, point.latency_us_p50});
  }
  answer.advice = AdviceOf(report, request);
  return answer;
}

}  // namespace kith::engine
