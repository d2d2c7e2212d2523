// What a SearchScratch holds. Internal to index/.

#ifndef KITH_INDEX_SEARCH_BUFFERS_H_
#define KITH_INDEX_SEARCH_BUFFERS_H_

#include "index/code_scan.h"
#include "index/query.h"
#include "index/sealed_search.h"
#include "index/search.h"
#include "index/top_k.h"

namespace kith::index {

struct SearchScratch::Buffers {
  QuerySet queries;
  TopK<Hit> best;
  CodeScan code_scan;
  SealedSearch sealed;
};

}  // namespace kith::index

#endif  // KITH_INDEX_SEARCH_BUFFERS_H_
