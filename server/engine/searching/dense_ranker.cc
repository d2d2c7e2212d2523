#include "server/engine/searching/dense_ranker.h"

#include <utility>

#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::engine {
namespace {

std::string Describe(const DenseTuning& tuning, const index::SearchResult& result, size_t queries) {
  const std::string asked = tuning.exact    ? std::string("exact")
                            : tuning.ef > 0 ? fmt::format("ef {}", tuning.ef)
                            : tuning.ef_boost != 1
                                ? fmt::format(
                                      "target_recall {}, walks {:.2f} times as wide by what live "
                                      "samples showed",
                                      tuning.target_recall, tuning.ef_boost)
                                : fmt::format("target_recall {}", tuning.target_recall);
  return fmt::format(
      "{}: {} segments scanned ({} of them the filter's rows alone), {} graphs walked ({} of them "
      "within the filter){}",
      asked, result.segments_scanned, result.segments_filter_scanned, result.segments_walked,
      result.segments_filter_walked, queries > 1 ? fmt::format(", for {} vectors", queries) : "");
}

// The most that was needed for any segment.
Strategy StrategyOf(const index::SearchResult& result, bool exact) {
  if (exact) return Strategy::kExactScan;
  if (result.segments_filter_walked > 0) return Strategy::kFilteredGraph;
  if (result.segments_walked > 0) return Strategy::kGraph;
  if (result.segments_filter_scanned > 0) return Strategy::kFilteredScan;
  return Strategy::kCodeScan;
}

}  // namespace

DenseTuning TuningOf(const SearchRequest& request, double boost) {
  return {.exact = request.exact,
          .target_recall = request.target_recall.value_or(kDefaultTargetRecall),
          .ef = static_cast<uint32_t>(request.ef.value_or(0)),
          .ef_boost = boost};
}

absl::StatusOr<std::vector<Candidate>> DenseRanker::Best(const Scope& scope, uint32_t k,
                                                         bool documents) {
  thread_local index::SearchScratch scratch;
  KITH_ASSIGN_OR_RETURN(const index::SearchResult result,
                        index::Search(context_.view,
                                      {.queries = queries_,
                                       .k = k,
                                       .exact = tuning_.exact,
                                       .target_recall = tuning_.target_recall,
                                       .ef = tuning_.ef,
                                       .ef_boost = tuning_.ef_boost,
                                       .group_by_document = documents,
                                       .exclude = scope.exclude,
                                       .allow = scope.allow},
                                      context_.call, scratch, context_.spread));
  SearchAnswer& answer = *context_.answer;
  answer.strategy = StrategyOf(result, tuning_.exact);
  const uint64_t codes = tuning_.exact ? 0 : result.rows_scanned;
  const uint64_t exact = tuning_.exact ? result.rows_scanned : result.rows_rescored;
  answer.code_distances += codes;
  answer.graph_distances += result.graph_distances;
  answer.exact_distances += exact;
  if (context_.clock != nullptr) {
    context_.clock->End(
        "dense", Describe(tuning_, result, queries_.size() / context_.view.options().dimension),
        {{"candidates", result.hits.size()},
         {"code_distances", codes},
         {"graph_distances", result.graph_distances},
         {"exact_distances", exact}});
  }
  std::vector<Candidate> candidates;
  candidates.reserve(result.hits.size());
  for (const index::Hit& hit : result.hits) candidates.push_back({hit});
  return candidates;
}

absl::StatusOr<std::vector<std::optional<float>>> DenseRanker::Scores(
    std::span<const uint64_t> ordinals) {
  context_.answer->exact_distances += ordinals.size();
  return index::ExactScores(context_.view, queries_, ordinals, context_.call);
}

}  // namespace kith::engine
