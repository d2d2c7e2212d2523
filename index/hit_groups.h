// Hits of passages to hits of documents. Internal to index/.

#ifndef KITH_INDEX_HIT_GROUPS_H_
#define KITH_INDEX_HIT_GROUPS_H_

#include <algorithm>
#include <vector>

#include "index/search.h"

namespace kith::index {

// The order that every answer has.
inline bool BetterHit(const Hit& a, const Hit& b) {
  return a.score != b.score ? a.score > b.score : a.ordinal < b.ordinal;
}

// Keeps the best hit of each document.
inline void KeepBestOfDocuments(std::vector<Hit>& hits) {
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
    return a.document() != b.document() ? a.document() < b.document() : BetterHit(a, b);
  });
  const auto same = [](const Hit& a, const Hit& b) { return a.document() == b.document(); };
  hits.erase(std::unique(hits.begin(), hits.end(), same), hits.end());
}

}  // namespace kith::index

#endif  // KITH_INDEX_HIT_GROUPS_H_
