// RowSearch: the k best rows of a view, part by part: each sealed segment is a part, and so are the
// growing ones. Parts run one after the other, or side by side on a Spread. Internal to index/; see
// row_search.cc for how.

#ifndef KITH_INDEX_ROW_SEARCH_H_
#define KITH_INDEX_ROW_SEARCH_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "index/index_view.h"
#include "index/rank_share.h"
#include "index/search.h"
#include "index/search_buffers.h"
#include "index/spread.h"
#include "kith/base/call.h"

namespace kith::index {

class RowSearch {
 public:
  // `buffers` hold the prepared queries. `spread` may be null. Everything is borrowed.
  RowSearch(const IndexView& view, const SearchParams& params, const Call& call,
            SearchScratch::Buffers& buffers, Spread* spread)
      : view_(view), params_(params), call_(call), own_(buffers), spread_(spread) {}

  absl::Status Run(SearchResult& result);

 private:
  // Segments [first, end) of the view: one that is sealed, or growing ones.
  struct Part {
    uint32_t first = 0;
    uint32_t end = 0;
    RankShare asked;
  };

  uint64_t MatchesOf(uint32_t s) const;
  void MakeParts();
  // Into own_.best, which was reset.
  absl::Status SearchAll(SearchResult& result);
  absl::Status SearchSideBySide(SearchResult& result);
  absl::Status SearchPart(const Part& part, SearchScratch::Buffers& buffers,
                          SearchResult& result) const;
  void KeepPartsThatMayHoldMore(std::span<const Hit> hits);

  const IndexView& view_;
  const SearchParams& params_;
  const Call& call_;
  SearchScratch::Buffers& own_;
  Spread* const spread_;

  std::vector<Part> parts_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_ROW_SEARCH_H_
