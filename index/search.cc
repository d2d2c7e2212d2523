#include "index/search.h"

#include <algorithm>
#include <utility>

#include "index/code_scan.h"
#include "index/exact_scan.h"
#include "index/hit_groups.h"
#include "index/query.h"
#include "index/sealed_search.h"
#include "index/top_k.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr uint32_t kScoresPerCheck = 1024;  // between two looks at the call

absl::Status CheckParams(const SearchParams& params) {
  if (params.k == 0) {
    return InvalidArgument(reason::kLimitOutOfRange, "k must be at least 1, got 0").Field("k");
  }
  if (params.ef > kMaxEf) {
    return InvalidArgument(reason::kLimitOutOfRange, "ef must be at most {}, got {}", kMaxEf,
                           params.ef)
        .Field("ef")
        .With("maximum", kMaxEf);
  }
  if (!(params.target_recall > 0 && params.target_recall <= 1)) {
    return InvalidArgument(reason::kLimitOutOfRange,
                           "target_recall must be over 0 and at most 1, got {}",
                           params.target_recall)
        .Field("target_recall");
  }
  if (!(params.ef_boost >= 1 && params.ef_boost <= kMaxEf)) {
    return InvalidArgument(reason::kLimitOutOfRange, "ef_boost must be in 1..{}, got {}", kMaxEf,
                           params.ef_boost)
        .Field("ef_boost");
  }
  return absl::OkStatus();
}

}  // namespace

struct SearchScratch::Buffers {
  QuerySet queries;
  TopK<Hit> best;
  CodeScan code_scan;
  SealedSearch sealed;
};

SearchScratch::SearchScratch() : buffers_(std::make_unique<Buffers>()) {}
SearchScratch::~SearchScratch() = default;
SearchScratch::SearchScratch(SearchScratch&&) noexcept = default;
SearchScratch& SearchScratch::operator=(SearchScratch&&) noexcept = default;

namespace {

absl::Status SearchExact(const IndexView& view, const SearchParams& params, const Call& call,
                         SearchScratch::Buffers& buffers, SearchResult& result) {
  ExactScan scan(params.group_by_document, params.exclude, buffers.queries, buffers.best);
  for (const SegmentView& segment : view.segments()) {
    KITH_RETURN_IF_ERROR(scan.Add(segment, call, result));
  }
  scan.Finish();
  result.hits = buffers.best.Take();
  return absl::OkStatus();
}

// Sealed segments first: what they find lets the scan of growing ones drop more rows by their
// codes.
absl::Status SearchRows(const IndexView& view, const SearchParams& params, const Call& call,
                        SearchScratch::Buffers& buffers, SearchResult& result) {
  for (const SegmentView& segment : view.segments()) {
    if (segment.sealed == nullptr) continue;
    KITH_RETURN_IF_ERROR(buffers.sealed.FindRows(segment, params, params.k, buffers.queries, call,
                                                 buffers.best, result));
  }
  KITH_RETURN_IF_ERROR(
      buffers.code_scan.Run(view, params, buffers.queries, call, buffers.best, result));
  result.hits = buffers.best.Take();
  return absl::OkStatus();
}

// A document may lie in several segments, so that each part gives its k best and they are joined.
absl::Status SearchDocuments(const IndexView& view, const SearchParams& params, const Call& call,
                             SearchScratch::Buffers& buffers, SearchResult& result) {
  KITH_RETURN_IF_ERROR(
      buffers.code_scan.Run(view, params, buffers.queries, call, buffers.best, result));
  std::vector<Hit> hits = buffers.best.Take();
  for (const SegmentView& segment : view.segments()) {
    if (segment.sealed == nullptr) continue;
    KITH_RETURN_IF_ERROR(
        buffers.sealed.FindDocuments(segment, params, buffers.queries, call, hits, result));
  }
  KeepBestOfDocuments(hits);
  std::sort(hits.begin(), hits.end(), BetterHit);
  if (hits.size() > params.k) hits.resize(params.k);
  result.hits = std::move(hits);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SearchResult> Search(const IndexView& view, const SearchParams& params,
                                    const Call& call, SearchScratch& scratch) {
  SearchScratch::Buffers& buffers = scratch.buffers();
  KITH_RETURN_IF_ERROR(buffers.queries.Prepare(view.options(), params.queries));
  KITH_RETURN_IF_ERROR(CheckParams(params));
  buffers.best.Reset(params.k);
  SearchResult result;
  const auto search = params.exact               ? SearchExact
                      : params.group_by_document ? SearchDocuments
                                                 : SearchRows;
  KITH_RETURN_IF_ERROR(search(view, params, call, buffers, result));
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
    if (scores.size() % kScoresPerCheck == 0) KITH_RETURN_IF_ERROR(call.Check());
    const std::optional<RowPlace> place = view.Find(ordinal);
    if (!place.has_value()) {
      scores.push_back(std::nullopt);
      continue;
    }
    const SegmentView& segment = view.segments()[place->segment];
    if (segment.sealed != nullptr) {
      Hit hit;
      KITH_RETURN_IF_ERROR(ScoreSealedRow(*segment.sealed, place->slot, prepared, hit));
      scores.push_back(hit.score);
    } else {
      const RowInfo& info = segment.growing->Info(place->slot);
      scores.push_back(prepared.Score(segment.growing->Exact(place->slot), info.norm));
    }
  }
  return scores;
}

}  // namespace kith::index
