// CodeScan: exact search at the price of codes. Internal to index/; see code_scan.cc for how.

#ifndef KITH_INDEX_CODE_SCAN_H_
#define KITH_INDEX_CODE_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "index/allowed_slots.h"
#include "index/code_bounds.h"
#include "index/index_view.h"
#include "index/query.h"
#include "index/search.h"
#include "index/top_k.h"
#include "kith/base/call.h"

namespace kith::index {

class CodeScan {
 public:
  // Scans the growing ones of segments [first, end) of the view. Adds to result.rows_scanned and
  // rows_rescored, and pushes what it finds into `best`, which was reset to k. Everything is
  // borrowed for the call.
  absl::Status Run(const IndexView& view, uint32_t first, uint32_t end, const SearchParams& params,
                   const QuerySet& queries, const Call& call, TopK<Hit>& best,
                   SearchResult& result);

 private:
  // A row that can still be among the best.
  struct Candidate {
    float upper;
    uint32_t segment;
    uint32_t slot;
    bool starts_group;  // the candidates of a group stand together
  };
  struct Group {
    float upper;
    uint32_t begin;  // candidates_[begin, end)
    uint32_t end;
  };
  struct LowerBound {
    float score;
    uint64_t ordinal;  // of the group's first candidate
  };

  // `ScoreBounds` is one of code_bounds.h.
  template <typename ScoreBounds>
  absl::Status Scan();
  template <typename ScoreBounds>
  void ScanAllowed(std::span<const ScoreBounds> bounds, uint32_t segment,
                   const AllowedSlots& allowed, const GrowingSegment::Run& run);
  template <typename ScoreBounds>
  void ScanRun(std::span<const ScoreBounds> bounds, uint32_t segment, const AllowedSlots& allowed,
               const GrowingSegment::Run& run);
  void Add(uint32_t segment, uint32_t slot, const RowInfo& info, Bounds bounds);
  void CloseGroup();
  float Floor() const;
  void FindGroups();
  absl::Status MakeRoom();
  absl::Status Rescore();
  void RescoreGroup(const Group& group);

  // Of the search under way.
  const Kernels* kernels_ = nullptr;
  std::span<const SegmentView> segments_;  // of the view
  uint32_t first_ = 0;                     // to be scanned
  uint32_t end_ = 0;
  const SearchParams* params_ = nullptr;
  const QuerySet* queries_ = nullptr;
  const Call* call_ = nullptr;
  TopK<Hit>* best_ = nullptr;
  SearchResult* result_ = nullptr;
  size_t max_candidates_ = 0;

  TopK<LowerBound> lower_bounds_;  // of the groups seen
  bool group_open_ = false;
  uint64_t group_ = 0;
  LowerBound group_bound_ = {};

  // Reused from search to search.
  std::vector<int32_t> products_;  // [query][kBlockRows]
  std::vector<Candidate> candidates_;
  std::vector<Group> groups_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_CODE_SCAN_H_
