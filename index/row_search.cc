// Each sealed segment is asked for its share of the k best (rank_share.h) at the recall that is
// wanted of the whole: what is found of the whole is then the mean of what is found of the parts. A
// segment that gave as many as it was asked for is asked again for all k, and so are all when
// together they gave fewer than k; what was found before stays found.
//
// One after the other, sealed segments come first: what they find lets the scan of growing ones
// drop more rows by their codes. Side by side, the parts share what floor there is already.

#include "index/row_search.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "index/allowed_slots.h"
#include "index/exact_scan.h"
#include "index/hit_groups.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

void AddCosts(const SearchResult& part, SearchResult& all) {
  all.rows_scanned += part.rows_scanned;
  all.graph_distances += part.graph_distances;
  all.rows_rescored += part.rows_rescored;
  all.segments_scanned += part.segments_scanned;
  all.segments_walked += part.segments_walked;
  all.segments_filter_scanned += part.segments_filter_scanned;
  all.segments_filter_walked += part.segments_filter_walked;
}

// The score under which no row is wanted any more, told between threads.
class SharedFloor {
 public:
  float value() const { return value_.load(std::memory_order_relaxed); }
  void Raise(float floor) {
    float known = value();
    while (known < floor &&
           !value_.compare_exchange_weak(known, floor, std::memory_order_relaxed)) {
    }
  }

 private:
  std::atomic<float> value_{kLowestScore};  // relaxed: a number that publishes nothing but itself
};

}  // namespace

absl::Status RowSearch::Run(SearchResult& result) {
  MakeParts();
  own_.best.Reset(params_.k);
  KITH_RETURN_IF_ERROR(SearchAll(result));
  result.hits = own_.best.Take();
  KeepPartsThatMayHoldMore(result.hits);
  if (parts_.empty()) return absl::OkStatus();
  const bool full = result.hits.size() >= params_.k;
  own_.best.Reset(params_.k, full ? result.hits.back().score : kLowestScore);
  KITH_RETURN_IF_ERROR(SearchAll(result));
  const std::vector<Hit> more = own_.best.Take();
  result.hits.insert(result.hits.end(), more.begin(), more.end());
  std::sort(result.hits.begin(), result.hits.end(), BetterHit);
  result.hits.erase(std::unique(result.hits.begin(), result.hits.end()), result.hits.end());
  if (result.hits.size() > params_.k) result.hits.resize(params_.k);
  return absl::OkStatus();
}

// At most: deleted rows may be in a filter's set.
uint64_t RowSearch::MatchesOf(uint32_t s) const {
  if (params_.Skips(s)) return 0;
  const SlotSet* filter = params_.FilterOf(s);
  return filter == nullptr ? view_.segments()[s].live_rows() : filter->count();
}

void RowSearch::MakeParts() {
  const auto segments = view_.segments();
  const bool shares = params_.ef == 0 && !params_.exact;
  uint64_t matches = 0;
  for (uint32_t s = 0; s < segments.size(); ++s) matches += MatchesOf(s);
  parts_.clear();
  for (uint32_t s = 0; s < segments.size(); ++s) {
    if (segments[s].sealed == nullptr || MatchesOf(s) == 0) continue;
    parts_.push_back({s, s + 1, WholeRank(params_.k)});
    if (!shares) continue;
    parts_.back().asked = RankShareOf(params_.k, MatchesOf(s), matches);
  }
  const size_t sealed = parts_.size();
  for (uint32_t s = 0; s < segments.size(); ++s) {
    if (segments[s].sealed != nullptr || MatchesOf(s) == 0) continue;
    // One part, unless they are to be spread: then they know fewer rows to compare with.
    if (spread_ == nullptr && parts_.size() > sealed && parts_.back().end == s) {
      parts_.back().end = s + 1;
    } else {
      parts_.push_back({s, s + 1, WholeRank(params_.k)});
    }
  }
}

absl::Status RowSearch::SearchAll(SearchResult& result) {
  if (spread_ != nullptr && parts_.size() > 1) return SearchSideBySide(result);
  for (const Part& part : parts_) KITH_RETURN_IF_ERROR(SearchPart(part, own_, result));
  return absl::OkStatus();
}

absl::Status RowSearch::SearchSideBySide(SearchResult& result) {
  struct Outcome {
    absl::Status status;
    SearchResult found;
  };
  std::vector<Outcome> outcomes(parts_.size());
  SharedFloor floor;
  floor.Raise(own_.best.floor());
  spread_->Run(parts_.size(), [&](size_t i, SearchScratch& scratch) {
    SearchScratch::Buffers& buffers = scratch.buffers();
    buffers.best.Reset(params_.k, floor.value());
    outcomes[i].status = SearchPart(parts_[i], buffers, outcomes[i].found);
    floor.Raise(buffers.best.floor());
    outcomes[i].found.hits = buffers.best.Take();
  });
  for (const Outcome& outcome : outcomes) {
    KITH_RETURN_IF_ERROR(outcome.status);
    for (const Hit& hit : outcome.found.hits) own_.best.Push(hit);
    AddCosts(outcome.found, result);
  }
  return absl::OkStatus();
}

absl::Status RowSearch::SearchPart(const Part& part, SearchScratch::Buffers& buffers,
                                   SearchResult& result) const {
  const QuerySet& queries = own_.queries;
  const auto segments = view_.segments();
  const auto allowed = [&](uint32_t s) {
    return AllowedSlots(segments[s], params_.FilterOf(s), params_.exclude);
  };
  if (params_.exact) {
    ExactScan scan(false, queries, buffers.best);
    for (uint32_t s = part.first; s < part.end; ++s) {
      KITH_RETURN_IF_ERROR(scan.Add(segments[s], allowed(s), call_, result));
    }
    return absl::OkStatus();
  }
  if (segments[part.first].sealed != nullptr) {
    return buffers.sealed.FindRows(segments[part.first], allowed(part.first), params_, part.asked,
                                   queries, call_, buffers.best, result);
  }
  return buffers.code_scan.Run(view_, part.first, part.end, params_, queries, call_, buffers.best,
                               result);
}

// `hits` are the best of all parts.
void RowSearch::KeepPartsThatMayHoldMore(std::span<const Hit> hits) {
  const auto segments = view_.segments();
  const bool too_few = hits.size() < params_.k;
  std::erase_if(parts_, [&](Part& part) {
    if (part.asked.most >= params_.k) return true;
    const SegmentView& segment = segments[part.first];
    const OrdinalRange range = {segment.first_ordinal(), segment.last_ordinal() + 1};
    const auto held = std::count_if(hits.begin(), hits.end(),
                                    [&](const Hit& hit) { return range.Contains(hit.ordinal); });
    const bool all = MatchesOf(part.first) <= part.asked.most;
    if (all || (!too_few && held < static_cast<ptrdiff_t>(part.asked.most))) return true;
    part.asked = WholeRank(params_.k);
    return false;
  });
}

}  // namespace kith::index
