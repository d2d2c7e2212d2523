// SealedSearch: the k best rows, or documents, of one sealed segment, by the plan that its recall
// curve gives. Internal to index/; see sealed_search.cc for how. Holds the scratch of a thread.

#ifndef KITH_INDEX_SEALED_SEARCH_H_
#define KITH_INDEX_SEALED_SEARCH_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "index/allowed_slots.h"
#include "index/code_hits.h"
#include "index/codes/code_query.h"
#include "index/filter_plan.h"
#include "index/graph/filtered_walk.h"
#include "index/graph/graph_walk.h"
#include "index/index_view.h"
#include "index/query.h"
#include "index/rank_share.h"
#include "index/recall_curve.h"
#include "index/search.h"
#include "index/sketch_scan.h"
#include "index/top_k.h"
#include "kith/base/call.h"

namespace kith::index {

class SealedSearch {
 public:
  // Pushes at least min(asked.most, matches) rows to `best`, as far as they are better than what it
  // holds already of other segments. Counts its costs in `result`. Rows, whatever
  // params.group_by_document says.
  absl::Status FindRows(const SegmentView& segment, const AllowedSlots& allowed,
                        const SearchParams& params, RankShare asked, const QuerySet& queries,
                        const Call& call, TopK<Hit>& best, SearchResult& result);

  // Appends the k best documents' best passages to `hits`, in any order.
  absl::Status FindDocuments(const SegmentView& segment, const AllowedSlots& allowed,
                             const SearchParams& params, const QuerySet& queries, const Call& call,
                             std::vector<Hit>& hits, SearchResult& result);

 private:
  FilterPlan PlanFor(const SearchParams& params, RankShare asked,
                     const AllowedSlots& allowed) const;
  absl::Status FindCandidates(const FilterPlan& plan, const CodeQuery& query, uint32_t k,
                              const AllowedSlots& allowed);
  absl::Status Walk(const SegmentPlan& plan, const CodeQuery& query, const AllowedSlots& allowed);
  absl::Status WalkFiltered(const FilterPlan& plan, const CodeQuery& query,
                            const AllowedSlots& allowed);
  void TakeFound(std::span<const GraphWalk::Found> found);
  absl::Status Scan(size_t most, const CodeQuery& query, const AllowedSlots& allowed);
  absl::Status ScanBySketch(size_t most, uint32_t k, const CodeQuery& query,
                            const AllowedSlots& allowed);

  absl::Status FindForOne(const FilterPlan& plan, uint32_t k, const AllowedSlots& allowed,
                          TopK<Hit>& best);
  absl::Status FindForMany(const FilterPlan& plan, uint32_t k, const AllowedSlots& allowed,
                           TopK<Hit>& best);

  // Of the search under way.
  const SegmentView* segment_ = nullptr;
  const SealedSegment::Parts* parts_ = nullptr;
  const Kernels* kernels_ = nullptr;
  const QuerySet* queries_ = nullptr;
  const Call* call_ = nullptr;
  SearchResult* result_ = nullptr;
  const float* vector_ = nullptr;  // of the query that code_query_ is of

  // Reused from search to search.
  GraphWalk walk_;
  FilteredWalk filtered_walk_;
  SketchScan sketch_scan_;
  CodeQuery code_query_;
  std::vector<CodeHit> candidates_;
  std::vector<uint32_t> slots_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_SEALED_SEARCH_H_
