// The scan bounds each row's score from both sides by its codes. The k-th best lower bound is a
// floor: k rows are at least that good, so a row whose upper bound is below it is out. Those that
// remain, few unless vectors crowd closer than the codes can tell, are scored exactly in order of
// their upper bounds, until these fall below the k-th best exact score.
//
// Grouping by document needs one thing more: k lower bounds of k different groups. A document's
// rows are neighbours, so that a group is a run of candidates, and the best of a run is taken when
// it ends; no table of groups is kept. Without grouping each row is a group of its own.
//
// Memory stays O(k + passages of one document): when candidates outgrow their limit, those under
// the floor are dropped, and if these were few, all are scored exactly there and then (10,000
// copies of one vector, say).

#include "index/code_scan.h"

#include <algorithm>
#include <cmath>

#include "index/kernels/kernels.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr uint32_t kBlockRows = 256;  // 96 KiB of codes at dimension 384: within a core's own cache
constexpr uint32_t kRowsPerCheck = 4096;  // between two looks at the call
constexpr uint64_t kRescoresPerCheck = 1024;
constexpr size_t kMinCandidates = 8192;
// Where fewer than one in so many rows of a block are allowed, these are scored one by one.
constexpr uint32_t kSparse = 6;

}  // namespace

absl::Status CodeScan::Run(const IndexView& view, uint32_t first, uint32_t end,
                           const SearchParams& params, const QuerySet& queries, const Call& call,
                           TopK<Hit>& best, SearchResult& result) {
  kernels_ = view.options().kernels;
  segments_ = view.segments();
  first_ = first;
  end_ = end;
  params_ = &params;
  queries_ = &queries;
  call_ = &call;
  best_ = &best;
  result_ = &result;
  max_candidates_ = std::max(kMinCandidates, 4 * size_t{params.k});
  lower_bounds_.Reset(params.k);
  group_open_ = false;
  products_.resize(queries.queries().size() * kBlockRows);
  candidates_.clear();
  switch (view.options().metric) {
    case Metric::kCosine:
      return Scan<LinearBounds<Metric::kCosine>>();
    case Metric::kDot:
      return Scan<LinearBounds<Metric::kDot>>();
    case Metric::kL2:
      return Scan<L2Bounds>();
  }
  return absl::OkStatus();
}

template <typename ScoreBounds>
absl::Status CodeScan::Scan() {
  const std::span<const Query> queries = queries_->queries();
  const std::vector<ScoreBounds> bounds(queries.begin(), queries.end());
  uint32_t unchecked = kRowsPerCheck;
  for (uint32_t s = first_; s < end_; ++s) {
    const SegmentView& segment = segments_[s];
    if (segment.growing == nullptr || params_->Skips(s)) continue;
    const AllowedSlots allowed(segment, params_->FilterOf(s), params_->exclude);
    for (uint32_t first = allowed.Next(0); first < segment.visible; first = allowed.Next(first)) {
      if (unchecked >= kRowsPerCheck) {
        KITH_RETURN_IF_ERROR(call_->Check());
        unchecked = 0;
      }
      const GrowingSegment::Run run =
          segment.growing->RunAt(first, std::min(segment.visible, first + kBlockRows));
      ScanAllowed<ScoreBounds>(bounds, s, allowed, run);
      if (candidates_.size() >= max_candidates_) KITH_RETURN_IF_ERROR(MakeRoom());
      first += run.count;
      unchecked += run.count;
    }
    ++result_->segments_scanned;
  }
  CloseGroup();
  FindGroups();
  return Rescore();
}

// The whole run, or where few of its rows are allowed these alone.
template <typename ScoreBounds>
void CodeScan::ScanAllowed(std::span<const ScoreBounds> bounds, uint32_t segment,
                           const AllowedSlots& allowed, const GrowingSegment::Run& run) {
  const uint32_t end = run.first + run.count;
  if (allowed.filtered()) {
    uint32_t count = 0;
    for (uint32_t slot = run.first; slot < end; slot = allowed.Next(slot + 1)) ++count;
    if (count < run.count / kSparse) {
      const GrowingSegment& rows = *segments_[segment].growing;
      for (uint32_t slot = run.first; slot < end; slot = allowed.Next(slot + 1)) {
        ScanRun<ScoreBounds>(bounds, segment, allowed, rows.RunAt(slot, slot + 1));
      }
      return;
    }
  }
  ScanRun<ScoreBounds>(bounds, segment, allowed, run);
}

template <typename ScoreBounds>
void CodeScan::ScanRun(std::span<const ScoreBounds> bounds, uint32_t segment,
                       const AllowedSlots& allowed, const GrowingSegment::Run& run) {
  const SegmentView& view = segments_[segment];
  result_->rows_scanned += run.count;
  for (size_t q = 0; q < bounds.size(); ++q) {
    kernels_->dot_codes(queries_->queries()[q].codes, run.codes, view.growing->code_stride(),
                        run.count, products_.data() + q * kBlockRows);
  }
  double limit = ScoreBounds::Limit(Floor());
  for (uint32_t r = 0; r < run.count; ++r) {
    const RowInfo& info = run.info[r];
    const int32_t* products = products_.data() + r;
    bool may_reach = false;
    for (size_t q = 0; q < bounds.size(); ++q) {
      may_reach |= bounds[q].MayReach(info, products[q * kBlockRows], limit);
    }
    if (!may_reach) [[likely]]
      continue;
    if (!allowed(run.first + r)) continue;
    Bounds best = {-HUGE_VAL, -HUGE_VAL};
    for (size_t q = 0; q < bounds.size(); ++q) {
      const Bounds one = bounds[q].Of(info, products[q * kBlockRows]);
      best = {std::max(best.lower, one.lower), std::max(best.upper, one.upper)};
    }
    Add(segment, run.first + r, info, best);
    limit = ScoreBounds::Limit(Floor());
  }
}

// A score that is at least k others' lower bound stays in; see TopK::floor.
float CodeScan::Floor() const { return std::max(lower_bounds_.floor(), best_->floor()); }

void CodeScan::Add(uint32_t segment, uint32_t slot, const RowInfo& info, Bounds bounds) {
  // Rounding to float32 keeps order, so bounds rounded like scores still bound them.
  const float lower = static_cast<float>(bounds.lower);
  const uint64_t group = params_->group_by_document ? info.document() : info.ordinal;
  const bool starts_group = !group_open_ || group != group_;
  if (starts_group) {
    CloseGroup();
    group_open_ = true;
    group_ = group;
    group_bound_ = {lower, info.ordinal};
  } else {
    group_bound_.score = std::max(group_bound_.score, lower);
  }
  candidates_.push_back({static_cast<float>(bounds.upper), segment, slot, starts_group});
}

void CodeScan::CloseGroup() {
  if (group_open_) lower_bounds_.Push(group_bound_);
  group_open_ = false;
}

// The groups of all candidates; the last may still be open.
void CodeScan::FindGroups() {
  groups_.clear();
  for (uint32_t i = 0; i < candidates_.size(); ++i) {
    if (candidates_[i].starts_group) groups_.push_back({candidates_[i].upper, i, i});
    Group& group = groups_.back();
    group.upper = std::max(group.upper, candidates_[i].upper);
    group.end = i + 1;
  }
}

absl::Status CodeScan::MakeRoom() {
  FindGroups();
  const size_t open_begin = group_open_ ? groups_.back().begin : candidates_.size();
  if (group_open_) groups_.pop_back();
  const float floor = Floor();
  std::erase_if(groups_, [&](const Group& group) { return group.upper < floor; });
  size_t kept = 0;
  for (const Group& group : groups_) kept += group.end - group.begin;
  if (kept > max_candidates_ / 2) {
    KITH_RETURN_IF_ERROR(Rescore());
    groups_.clear();
  }
  // What is left moves to the front: groups under way to their scores, then the open one.
  auto to = candidates_.begin();
  for (const Group& group : groups_) {
    to = std::copy(candidates_.begin() + group.begin, candidates_.begin() + group.end, to);
  }
  to = std::copy(candidates_.begin() + static_cast<ptrdiff_t>(open_begin), candidates_.end(), to);
  candidates_.erase(to, candidates_.end());
  return absl::OkStatus();
}

// Scores groups_ exactly, the most promising first.
absl::Status CodeScan::Rescore() {
  std::sort(groups_.begin(), groups_.end(), [](const Group& a, const Group& b) {
    return a.upper != b.upper ? a.upper > b.upper : a.begin < b.begin;
  });
  uint64_t check_at = result_->rows_rescored + kRescoresPerCheck;
  for (const Group& group : groups_) {
    if (group.upper < best_->floor()) break;
    RescoreGroup(group);
    if (result_->rows_rescored >= check_at) {
      KITH_RETURN_IF_ERROR(call_->Check());
      check_at = result_->rows_rescored + kRescoresPerCheck;
    }
  }
  return absl::OkStatus();
}

void CodeScan::RescoreGroup(const Group& group) {
  Hit hit = {.score = kLowestScore};
  for (uint32_t i = group.begin; i < group.end; ++i) {
    const Candidate& candidate = candidates_[i];
    if (candidate.upper < std::max(best_->floor(), hit.score)) continue;
    const GrowingSegment& segment = *segments_[candidate.segment].growing;
    const RowInfo& info = segment.Info(candidate.slot);
    const float score = queries_->Score(segment.Exact(candidate.slot), info.norm);
    ++result_->rows_rescored;
    // Candidates stand in the order of ordinals: a tie keeps the lower one.
    if (score > hit.score) hit = {info.ordinal, info.passage_index, score};
  }
  if (hit.score > kLowestScore) best_->Push(hit);
}

}  // namespace kith::index
