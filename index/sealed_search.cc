// Candidates come from a walk of the graph, or from a scan of all codes, whichever the curve says
// is cheaper for the recall asked; the nearest of them are scored on the exact vectors. A search
// never returns fewer rows than there are: where a walk does not find as many as asked (rows that
// became unreachable, nearly everything deleted) or takes too long, a scan does. With a filter the
// walk is a FilteredWalk and the scan is of its rows, by sketches where there are any
// (filter_plan.h, sketch_scan.h); a scan also stands in where the walk found that the filter lets
// hardly anything through around the query.
//
// Several queries each find candidates of their own; all of these are scored by all queries, since
// a row that is among the k best by its best query is among the k nearest of that query.

#include "index/sealed_search.h"

#include <algorithm>

#include "index/exact_scan.h"
#include "index/filter_plan.h"
#include "index/graph/code_scorer.h"
#include "index/hit_groups.h"
#include "index/sealed_parts.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr uint32_t kScoresPerCheck = 1024;  // between two looks at the call
// Candidates of a scan of codes that has to stand in for a walk.
constexpr uint32_t kStandInCap = 1024;
constexpr uint32_t kStandInFactor = 16;

// Of a graph's node. Costs a look into slot_of_node, so it is not asked when all are allowed.
struct AllowedNodes {
  const Graph& graph;
  const AllowedSlots& slots;
  bool operator()(uint32_t node) const { return slots(graph.slot(node)); }
  void Prefetch(uint32_t node) const { __builtin_prefetch(graph.slot_of_node().data() + node); }
};

// The same where a filter alone decides.
struct FilteredNodes {
  const uint32_t* slot_of_node;
  const uint64_t* words;  // of the filter
  bool operator()(uint32_t node) const {
    const uint32_t slot = slot_of_node[node];
    return (words[slot / 64] >> (slot % 64)) & 1;
  }
  void Prefetch(uint32_t node) const { __builtin_prefetch(slot_of_node + node); }
};

// How RescoreInOrder scores a row of a sealed segment.
struct SealedRowScorer {
  const SealedSegment& segment;
  const ExactRows& rows;
  const QuerySet& queries;

  absl::Status operator()(uint32_t slot, Hit& hit) const {
    return ScoreSealedRow(segment, slot, queries, hit);
  }
  void Prefetch(uint32_t slot) const { rows.Prefetch(slot); }
};

}  // namespace

absl::Status SealedSearch::FindRows(const SegmentView& segment, const AllowedSlots& allowed,
                                    const SearchParams& params, RankShare asked,
                                    const QuerySet& queries, const Call& call, TopK<Hit>& best,
                                    SearchResult& result) {
  segment_ = &segment;
  parts_ = &segment.sealed->parts();
  kernels_ = queries.options().kernels;
  queries_ = &queries;
  call_ = &call;
  result_ = &result;
  if (allowed.count() == 0) return absl::OkStatus();
  const FilterPlan plan = PlanFor(params, asked, allowed);
  if (plan.plan.way == SegmentPlan::Way::kExact) {
    result.segments_filter_scanned += allowed.filtered() ? 1 : 0;
    return ExactScan(false, queries, best).Add(segment, allowed, call, result);
  }
  return queries.queries().size() == 1 ? FindForOne(plan, asked.most, allowed, best)
                                       : FindForMany(plan, asked.most, allowed, best);
}

FilterPlan SealedSearch::PlanFor(const SearchParams& params, RankShare asked,
                                 const AllowedSlots& allowed) const {
  if (params.exact || asked.most >= allowed.count()) return {};
  const uint32_t ef = params.ef == 0 ? 0 : std::max(params.ef, asked.most);
  if (ef > kMaxEf) return {};
  const RecallCurve& curve = parts_->curve;
  if (allowed.filtered()) {
    return PlanFiltered(curve, {.target_recall = params.target_recall,
                                .boost = params.ef_boost,
                                .ef = ef,
                                .asked = asked,
                                .matches = allowed.count(),
                                .sketches = parts_->sketch_book ? &*parts_->sketch_book : nullptr});
  }
  if (ef > 0) return {{SegmentPlan::Way::kWalk, ef, ef}};
  FilterPlan plan = {
      curve.PlanFor(params.target_recall, asked.expected, params.ef_boost, asked.share)};
  plan.plan.ef = std::max(plan.plan.ef, asked.most);
  plan.plan.cap = std::max(plan.plan.cap, asked.most);
  return plan;
}

absl::Status SealedSearch::Walk(const SegmentPlan& plan, const CodeQuery& query,
                                const AllowedSlots& allowed) {
  const CodeScorer score = {query, parts_->codes, parts_->book->row_bytes()};
  const WalkOptions options = {.ef = plan.ef, .max_distances = parts_->curve.WalkLimit()};
  KITH_RETURN_IF_ERROR(allowed.all() ? walk_.Run(parts_->graph, score, options, AllNodes{}, *call_)
                                     : walk_.Run(parts_->graph, score, options,
                                                 AllowedNodes{parts_->graph, allowed}, *call_));
  result_->graph_distances += walk_.distances();
  TakeFound(walk_.found());
  return absl::OkStatus();
}

absl::Status SealedSearch::WalkFiltered(const FilterPlan& plan, const CodeQuery& query,
                                        const AllowedSlots& allowed) {
  const CodeScorer score = {query, parts_->codes, parts_->book->row_bytes()};
  const FilteredWalkOptions options = {
      .ef = plan.plan.ef, .pool = plan.pool, .least_share = plan.least_share};
  const Graph& graph = parts_->graph;
  if (const SlotSet* filter = allowed.filter_alone(); filter != nullptr) {
    const FilteredNodes allow = {graph.slot_of_node().data(), filter->words().data()};
    KITH_RETURN_IF_ERROR(filtered_walk_.Run(graph, score, options, allow, *call_));
  } else {
    const AllowedNodes allow = {graph, allowed};
    KITH_RETURN_IF_ERROR(filtered_walk_.Run(graph, score, options, allow, *call_));
  }
  result_->graph_distances += filtered_walk_.distances();
  ++result_->segments_filter_walked;
  TakeFound(filtered_walk_.found());
  return absl::OkStatus();
}

void SealedSearch::TakeFound(std::span<const GraphWalk::Found> found) {
  candidates_.clear();
  for (const GraphWalk::Found& one : found) {
    candidates_.push_back({one.distance, parts_->graph.slot(one.node)});
  }
}

absl::Status SealedSearch::FindCandidates(const FilterPlan& plan, const CodeQuery& query,
                                          uint32_t k, const AllowedSlots& allowed) {
  size_t most = plan.plan.cap;
  if (plan.plan.way == SegmentPlan::Way::kWalk) {
    ++result_->segments_walked;
    bool believed = false;
    if (allowed.filtered()) {
      KITH_RETURN_IF_ERROR(WalkFiltered(plan, query, allowed));
      believed = filtered_walk_.allowed_around() >= plan.least_around;
    } else {
      KITH_RETURN_IF_ERROR(Walk(plan.plan, query, allowed));
      believed = !walk_.gave_up();
    }
    if (believed && candidates_.size() >= std::min(k, allowed.count())) return absl::OkStatus();
    most = std::max<size_t>({most, kStandInCap, size_t{kStandInFactor} * k});
  }
  return plan.by_sketch ? ScanBySketch(most, k, query, allowed) : Scan(most, query, allowed);
}

absl::Status SealedSearch::ScanBySketch(size_t most, uint32_t k, const CodeQuery& query,
                                        const AllowedSlots& allowed) {
  ++result_->segments_scanned;
  ++result_->segments_filter_scanned;
  result_->rows_scanned += allowed.count();
  const SketchScan::Rows rows = {.coded = parts_->coded(),
                                 .node_of_slot = parts_->node_of_slot,
                                 .book = &*parts_->sketch_book,
                                 .sketches = parts_->sketches};
  return sketch_scan_.Run(rows, vector_, query, k, most, allowed, *kernels_, *call_, candidates_);
}

// The codes of all rows, or where a filter lets few through, of these.
absl::Status SealedSearch::Scan(size_t most, const CodeQuery& query, const AllowedSlots& allowed) {
  ++result_->segments_scanned;
  result_->segments_filter_scanned += allowed.filtered() ? 1 : 0;
  const RecallCurve::Data& data = parts_->curve.data();
  const double one_by_one = double{1} * allowed.count() * data.walk_ns;
  if (allowed.filtered() && one_by_one < double{1} * segment_->visible * data.scan_ns) {
    result_->rows_scanned += allowed.count();
    return ScanCodesOf(parts_->coded(), query, most, allowed, parts_->node_of_slot, *call_,
                       candidates_);
  }
  result_->rows_scanned += segment_->visible;
  return ScanCodes(parts_->coded(), query, most, allowed, *call_, candidates_);
}

absl::Status SealedSearch::FindForOne(const FilterPlan& plan, uint32_t k,
                                      const AllowedSlots& allowed, TopK<Hit>& best) {
  vector_ = queries_->queries()[0].exact;
  code_query_.Prepare(*parts_->book, vector_, *kernels_);
  KITH_RETURN_IF_ERROR(FindCandidates(plan, code_query_, k, allowed));
  RescoreInOrder<Hit> rescore(candidates_, code_query_, best);
  const absl::Status status =
      rescore.Advance(plan.plan.cap, SealedRowScorer{*segment_->sealed, *parts_->exact, *queries_});
  result_->rows_rescored += rescore.scored();
  return status;
}

absl::Status SealedSearch::FindForMany(const FilterPlan& plan, uint32_t k,
                                       const AllowedSlots& allowed, TopK<Hit>& best) {
  slots_.clear();
  for (const Query& query : queries_->queries()) {
    vector_ = query.exact;
    code_query_.Prepare(*parts_->book, vector_, *kernels_);
    KITH_RETURN_IF_ERROR(FindCandidates(plan, code_query_, k, allowed));
    const size_t count = std::min<size_t>(plan.plan.cap, candidates_.size());
    for (size_t i = 0; i < count; ++i) slots_.push_back(candidates_[i].slot);
  }
  std::sort(slots_.begin(), slots_.end());
  slots_.erase(std::unique(slots_.begin(), slots_.end()), slots_.end());
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (i % kScoresPerCheck == 0) KITH_RETURN_IF_ERROR(call_->Check());
    Hit hit;
    KITH_RETURN_IF_ERROR(ScoreSealedRow(*segment_->sealed, slots_[i], *queries_, hit));
    best.Push(hit);
  }
  result_->rows_rescored += slots_.size();
  return absl::OkStatus();
}

// The best m rows show the best documents among them: m grows until these are k. When m nears all
// rows, an exact scan does it at once, in little memory.
absl::Status SealedSearch::FindDocuments(const SegmentView& segment, const AllowedSlots& allowed,
                                         const SearchParams& params, const QuerySet& queries,
                                         const Call& call, std::vector<Hit>& hits,
                                         SearchResult& result) {
  const uint64_t most = std::min<uint64_t>(allowed.count() / 4, kMaxEf);
  TopK<Hit> best;
  for (uint64_t m = 2 * uint64_t{params.k}; m <= most;) {
    best.Reset(m);
    KITH_RETURN_IF_ERROR(FindRows(segment, allowed, params, WholeRank(static_cast<uint32_t>(m)),
                                  queries, call, best, result));
    std::vector<Hit> rows = best.Take();
    KeepBestOfDocuments(rows);
    if (rows.size() >= params.k) {
      hits.insert(hits.end(), rows.begin(), rows.end());
      return absl::OkStatus();
    }
    // As many as would do if documents went on being found at this rate, and half as many more.
    const uint64_t next = m * 3 * params.k / (2 * std::max<uint64_t>(rows.size(), 1));
    m = std::max(2 * m, next);
  }
  best.Reset(params.k);
  ExactScan scan(true, queries, best);
  KITH_RETURN_IF_ERROR(scan.Add(segment, allowed, call, result));
  scan.Finish();
  const std::vector<Hit> documents = best.Take();
  hits.insert(hits.end(), documents.begin(), documents.end());
  return absl::OkStatus();
}

}  // namespace kith::index
