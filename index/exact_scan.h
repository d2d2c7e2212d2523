// ExactScan: exact search, row by row on the exact vectors: the oracle of all other ways, and the
// way where none of them pays. Internal to index/.
//
//   ExactScan scan(params.group_by_document, queries, best);
//   for (...) KITH_RETURN_IF_ERROR(scan.Add(segment, allowed, call, result));
//   scan.Finish();

#ifndef KITH_INDEX_EXACT_SCAN_H_
#define KITH_INDEX_EXACT_SCAN_H_

#include <cstdint>

#include "absl/status/status.h"
#include "index/allowed_slots.h"
#include "index/index_view.h"
#include "index/query.h"
#include "index/search.h"
#include "index/top_k.h"
#include "kith/base/call.h"

namespace kith::index {

// The hit of one row of a sealed segment. DATA_LOSS when its bytes are damaged.
absl::Status ScoreSealedRow(const SealedSegment& segment, uint32_t slot, const QuerySet& queries,
                            Hit& hit);

class ExactScan {
 public:
  // `best` was reset to k, and takes rows, or with `by_document` the best row of each document.
  ExactScan(bool by_document, const QuerySet& queries, TopK<Hit>& best)
      : by_document_(by_document), queries_(queries), best_(best) {}

  // Segments come in the order of their ordinals: a document may lie in two.
  absl::Status Add(const SegmentView& segment, const AllowedSlots& allowed, const Call& call,
                   SearchResult& result);
  void Finish();

 private:
  void Push(const Hit& hit);

  const bool by_document_;
  const QuerySet& queries_;
  TopK<Hit>& best_;

  // The best row so far of the group under way, which is a run of rows; see code_scan.cc.
  bool open_ = false;
  Hit group_best_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_EXACT_SCAN_H_
