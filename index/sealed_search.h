// SealedSearch: the k best rows, or documents, of one sealed segment, by the plan that its recall
// curve gives. Internal to index/; see sealed_search.cc for how. Holds the scratch of a thread.

#ifndef KITH_INDEX_SEALED_SEARCH_H_
#define KITH_INDEX_SEALED_SEARCH_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "index/code_hits.h"
#include "index/codes/code_query.h"
#include "index/graph/graph_walk.h"
#include "index/index_view.h"
#include "index/query.h"
#include "index/rank_share.h"
#include "index/recall_curve.h"
#include "index/search.h"
#include "index/top_k.h"
#include "kith/base/call.h"

namespace kith::index {

// Which slots of a segment a search may answer with, and how many there are.
class AllowedSlots {
 public:
  AllowedSlots(const SegmentView& segment, std::span<const OrdinalRange> exclude);

  bool operator()(uint32_t slot) const {
    if (deleted_->Contains(slot)) return false;
    for (const Slots& slots : excluded_) {
      if (slots.begin <= slot && slot < slots.end) return false;
    }
    return true;
  }
  uint32_t count() const { return count_; }
  bool all() const { return deleted_->empty() && excluded_.empty(); }

 private:
  struct Slots {
    uint32_t begin;
    uint32_t end;
  };

  const DeleteSet* deleted_;
  std::vector<Slots> excluded_;
  uint32_t count_;
};

class SealedSearch {
 public:
  // Pushes at least min(asked.most, matches) rows to `best`, as far as they are better than what it
  // holds already of other segments. Counts its costs in `result`. Rows, whatever
  // params.group_by_document says.
  absl::Status FindRows(const SegmentView& segment, const SearchParams& params, RankShare asked,
                        const QuerySet& queries, const Call& call, TopK<Hit>& best,
                        SearchResult& result);

  // Appends the k best documents' best passages to `hits`, in any order.
  absl::Status FindDocuments(const SegmentView& segment, const SearchParams& params,
                             const QuerySet& queries, const Call& call, std::vector<Hit>& hits,
                             SearchResult& result);

 private:
  SegmentPlan PlanFor(const SearchParams& params, RankShare asked, uint32_t matches) const;
  absl::Status FindCandidates(const SegmentPlan& plan, const CodeQuery& query, uint32_t k,
                              const AllowedSlots& allowed);
  absl::Status Walk(const SegmentPlan& plan, const CodeQuery& query, const AllowedSlots& allowed);

  absl::Status FindForOne(const SegmentPlan& plan, uint32_t k, const AllowedSlots& allowed,
                          TopK<Hit>& best);
  absl::Status FindForMany(const SegmentPlan& plan, uint32_t k, const AllowedSlots& allowed,
                           TopK<Hit>& best);

  // Of the search under way.
  const SegmentView* segment_ = nullptr;
  const SealedSegment::Parts* parts_ = nullptr;
  const Kernels* kernels_ = nullptr;
  const QuerySet* queries_ = nullptr;
  const Call* call_ = nullptr;
  SearchResult* result_ = nullptr;

  // Reused from search to search.
  GraphWalk walk_;
  CodeQuery code_query_;
  std::vector<CodeHit> candidates_;
  std::vector<uint32_t> slots_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_SEALED_SEARCH_H_
