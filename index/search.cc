#include "index/search.h"

#include <algorithm>
#include <utility>

#include "index/allowed_slots.h"
#include "index/exact_scan.h"
#include "index/hit_groups.h"
#include "index/query.h"
#include "index/row_search.h"
#include "index/search_buffers.h"
#include "kith/base/check.h"
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
  if (!(params.ef_boost >= kMinEfBoost && params.ef_boost <= kMaxEf)) {
    return InvalidArgument(reason::kLimitOutOfRange, "ef_boost must be in {}..{}, got {}",
                           kMinEfBoost, kMaxEf, params.ef_boost)
        .Field("ef_boost");
  }
  return absl::OkStatus();
}

// Filters are evaluated on the view that is searched; another's would ask beyond its sets.
void CheckAllow(const IndexView& view, const SearchParams& params) {
  if (params.allow.empty()) return;
  KITH_CHECK(params.allow.size() == view.segments().size(), "a filter has a set for each segment");
  for (size_t s = 0; s < params.allow.size(); ++s) {
    KITH_CHECK(params.Skips(s) || params.allow[s]->size() == view.segments()[s].visible,
               "a filter's set is of the slots that its segment shows");
  }
}

}  // namespace

SearchScratch::SearchScratch() : buffers_(std::make_unique<Buffers>()) {}
SearchScratch::~SearchScratch() = default;
SearchScratch::SearchScratch(SearchScratch&&) noexcept = default;
SearchScratch& SearchScratch::operator=(SearchScratch&&) noexcept = default;

namespace {

// Documents, exactly: one scan of all, since a document may lie in two segments.
absl::Status ScanDocuments(const IndexView& view, const SearchParams& params, const Call& call,
                           SearchScratch::Buffers& buffers, SearchResult& result) {
  ExactScan scan(true, buffers.queries, buffers.best);
  for (size_t s = 0; s < view.segments().size(); ++s) {
    if (params.Skips(s)) continue;
    const SegmentView& segment = view.segments()[s];
    const AllowedSlots allowed(segment, params.FilterOf(s), params.exclude);
    KITH_RETURN_IF_ERROR(scan.Add(segment, allowed, call, result));
  }
  scan.Finish();
  result.hits = buffers.best.Take();
  return absl::OkStatus();
}

// A document may lie in several segments, so that each part gives its k best and they are joined.
absl::Status SearchDocuments(const IndexView& view, const SearchParams& params, const Call& call,
                             SearchScratch::Buffers& buffers, SearchResult& result) {
  const auto segments = view.segments();
  KITH_RETURN_IF_ERROR(buffers.code_scan.Run(view, 0, static_cast<uint32_t>(segments.size()),
                                             params, buffers.queries, call, buffers.best, result));
  std::vector<Hit> hits = buffers.best.Take();
  for (size_t s = 0; s < segments.size(); ++s) {
    if (segments[s].sealed == nullptr || params.Skips(s)) continue;
    const AllowedSlots allowed(segments[s], params.FilterOf(s), params.exclude);
    KITH_RETURN_IF_ERROR(buffers.sealed.FindDocuments(segments[s], allowed, params, buffers.queries,
                                                      call, hits, result));
  }
  KeepBestOfDocuments(hits);
  std::sort(hits.begin(), hits.end(), BetterHit);
  if (hits.size() > params.k) hits.resize(params.k);
  result.hits = std::move(hits);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SearchResult> Search(const IndexView& view, const SearchParams& params,
                                    const Call& call, SearchScratch& scratch, Spread* spread) {
  CheckAllow(view, params);
  SearchScratch::Buffers& buffers = scratch.buffers();
  KITH_RETURN_IF_ERROR(buffers.queries.Prepare(view.options(), params.queries));
  KITH_RETURN_IF_ERROR(CheckParams(params));
  SearchResult result;
  if (!params.group_by_document) {
    KITH_RETURN_IF_ERROR(RowSearch(view, params, call, buffers, spread).Run(result));
    return result;
  }
  buffers.best.Reset(params.k);
  const auto search = params.exact ? ScanDocuments : SearchDocuments;
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
