// What a TermMatch knows of one source. Internal to index/terms/.

#ifndef KITH_INDEX_TERMS_TERM_MATCH_SOURCE_H_
#define KITH_INDEX_TERMS_TERM_MATCH_SOURCE_H_

#include <cstdint>
#include <vector>

#include "index/terms/growing_terms.h"
#include "index/terms/posting_list.h"
#include "index/terms/term_search.h"

namespace kith::index {

struct TermMatch::Source {
  // The postings of one term of the query, at least one: in `sealed` or in `growing`.
  struct List {
    uint32_t term = 0;  // its place in the query
    PostingList sealed;
    std::vector<GrowingTerms::Posting> growing;

    uint32_t count() const {
      return growing.empty() ? sealed.count() : static_cast<uint32_t>(growing.size());
    }
  };

  TermSource of;
  uint32_t rows = 0;
  std::vector<List> lists;  // ascending by term

  uint32_t Length(uint32_t slot) const {
    return of.sealed != nullptr ? of.sealed->length(slot) : of.growing->length(slot);
  }
};

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_TERM_MATCH_SOURCE_H_
