// RankShare: what a part of the rows is asked for when the k best of all are wanted, all parts are
// asked and their answers are joined. Asking each of ten segments for all k at the recall wanted of
// the whole finds far more than that, and pays for it.
//
// Where the rows lie as they come, a part of share p holds k * p of the k best, and of the part
// that holds some one of them is expected that it holds 1 + (k - 1) * p: these it has to find.
// Hardly any holds as many as two standard deviations more. Where the rows do not lie so (one kind
// of them came together), a part may give that many: then it may hold still more, and is asked
// again for all (row_search.cc).

#ifndef KITH_INDEX_RANK_SHARE_H_
#define KITH_INDEX_RANK_SHARE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace kith::index {

struct RankShare {
  uint32_t most = 0;      // rows it gives at least, if it has them
  uint32_t expected = 0;  // rows of which it is to find the recall that is wanted
  double share = 1;       // of the answer that is expected of it
};

inline RankShare WholeRank(uint32_t k) { return {k, k, 1}; }

// Of a part with `rows` of `all` rows; k >= 1. Both ranks are within 1..k.
inline RankShare RankShareOf(uint32_t k, uint64_t rows, uint64_t all) {
  if (rows >= all) return WholeRank(k);
  const double share = static_cast<double>(rows) / static_cast<double>(all);
  const double mean = k * share;
  const double most = std::ceil(mean + 2 * std::sqrt(mean * (1 - share))) + 1;
  const double expected = std::ceil(1 + (k - 1) * share);
  return {static_cast<uint32_t>(std::min<double>(most, k)),
          static_cast<uint32_t>(std::min<double>(expected, k)), share};
}

}  // namespace kith::index

#endif  // KITH_INDEX_RANK_SHARE_H_
