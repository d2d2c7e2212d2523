#include "index/search.h"

#include <algorithm>
#include <utility>

#include "index/code_scan.h"
#include "index/query.h"
#include "index/row_filter.h"
#include "index/top_k.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr uint32_t kRowsPerCheck = 1024;  // between two looks at the call

// A run of one group (see code_scan.cc) keeps its best row until the next group begins.
absl::Status ScanExact(const IndexView& view, const SearchParams& params, const QuerySet& queries,
                       const Call& call, TopK<Hit>& best, SearchResult& result) {
  Hit open = {.score = kLowestScore};
  uint64_t open_group = 0;
  for (const SegmentView& segment : view.segments()) {
    const RowFilter filter(segment, params.exclude);
    for (uint32_t first = 0; first < segment.visible;) {
      KITH_RETURN_IF_ERROR(call.Check());
      const GrowingSegment::Run run =
          segment.growing->RunAt(first, std::min(segment.visible, first + kRowsPerCheck));
      for (uint32_t r = 0; r < run.count; ++r) {
        const RowInfo& info = run.info[r];
        if (!filter.Allows(first + r, info.ordinal)) continue;
        const float score = queries.Score(run.exact + r * segment.growing->exact_stride(), info);
        const uint64_t group = params.group_by_document ? info.document() : info.ordinal;
        if (group != open_group || open.score == kLowestScore) {
          if (open.score > kLowestScore) best.Push(open);
          open = {.score = kLowestScore};
          open_group = group;
        }
        if (score > open.score) open = {info.ordinal, info.passage_index, score};
      }
      first += run.count;
    }
    result.rows_scanned += segment.visible;
  }
  if (open.score > kLowestScore) best.Push(open);
  return absl::OkStatus();
}

}  // namespace

struct SearchScratch::Buffers {
  QuerySet queries;
  TopK<Hit> best;
  CodeScan code_scan;
};

SearchScratch::SearchScratch() : buffers_(std::make_unique<Buffers>()) {}
SearchScratch::~SearchScratch() = default;
SearchScratch::SearchScratch(SearchScratch&&) noexcept = default;
SearchScratch& SearchScratch::operator=(SearchScratch&&) noexcept = default;

absl::StatusOr<SearchResult> Search(const IndexView& view, const SearchParams& params,
                                    const Call& call, SearchScratch& scratch) {
  SearchScratch::Buffers& buffers = scratch.buffers();
  KITH_RETURN_IF_ERROR(buffers.queries.Prepare(view.options(), params.queries));
  if (params.k == 0) {
    return InvalidArgument(reason::kLimitOutOfRange, "k must be at least 1, got 0").Field("k");
  }
  buffers.best.Reset(params.k);
  SearchResult result;
  KITH_RETURN_IF_ERROR(
      params.exact
          ? ScanExact(view, params, buffers.queries, call, buffers.best, result)
          : buffers.code_scan.Run(view, params, buffers.queries, call, buffers.best, result));
  result.hits = buffers.best.Take();
  return result;
}

absl::StatusOr<std::vector<std::optional<float>>> ExactScores(const IndexView& view,
                                                              std::span<const float> queries,
                                                              std::span<const uint64_t> ordinals,
                                                              const Call& call) {
  QuerySet prepared;
  KITH_RETURN_IF_ERROR(prepared.Prepare(view.options(), queries));
  std::vector<std::optional<float>> scores;
  scores.reserve(ordinals.size());
  for (uint64_t ordinal : ordinals) {
    if (scores.size() % kRowsPerCheck == 0) KITH_RETURN_IF_ERROR(call.Check());
    const std::optional<RowPlace> place = view.Find(ordinal);
    if (!place.has_value()) {
      scores.push_back(std::nullopt);
      continue;
    }
    const GrowingSegment& segment = *view.segments()[place->segment].growing;
    scores.push_back(prepared.Score(segment.Exact(place->slot), segment.Info(place->slot)));
  }
  return scores;
}

}  // namespace kith::index
