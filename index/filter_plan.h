// PlanFiltered: how a sealed segment is searched when a filter lets some of its rows through: by
// scoring all of these, or by a walk of the graph that goes by all nodes and keeps those of the
// filter (graph/filtered_walk.h). Whichever costs less by the rates that were measured when the
// segment was sealed, so that equal segments are searched alike on any machine. Internal to index/.

#ifndef KITH_INDEX_FILTER_PLAN_H_
#define KITH_INDEX_FILTER_PLAN_H_

#include <cstdint>

#include "index/codes/sketch_book.h"
#include "index/rank_share.h"
#include "index/recall_curve.h"

namespace kith::index {

struct FilterRequest {
  double target_recall = 0.95;
  double boost = 1;
  uint32_t ef = 0;                       // of the walk; 0: what target_recall needs
  RankShare asked;                       // of the segment
  uint32_t matches = 0;                  // rows that the filter lets through; more than asked.most
  const SketchBook* sketches = nullptr;  // of the segment; null: it has none
};

struct FilterPlan {
  // kWalk: of the graph; kCodeScan: of the allowed rows' codes; kExact: of their vectors.
  SegmentPlan plan = {};
  bool by_sketch = false;     // a scan, also one that stands in for the walk, goes by sketches
  uint32_t pool = 0;          // of the walk: the nodes that lead it
  uint32_t least_around = 0;  // of these, the allowed ones with which its answer can be believed
  double least_share = 0;     // of what it meets; with less it is given up
};

FilterPlan PlanFiltered(const RecallCurve& curve, const FilterRequest& request);

}  // namespace kith::index

#endif  // KITH_INDEX_FILTER_PLAN_H_
