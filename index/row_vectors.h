// The vectors of rows that a search found, as they were given: for those who compare hits with one
// another.

#ifndef KITH_INDEX_ROW_VECTORS_H_
#define KITH_INDEX_ROW_VECTORS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "index/index_view.h"
#include "kith/base/call.h"

namespace kith::index {

// [ordinals.size()][dimension]. DATA_LOSS (CORRUPTION) when it meets a damaged block of a sealed
// segment, which is flagged. REQUIRES: the view shows the ordinals. Thread-safe.
absl::StatusOr<std::vector<float>> RowVectors(const IndexView& view,
                                              std::span<const uint64_t> ordinals, const Call& call);

}  // namespace kith::index

#endif  // KITH_INDEX_ROW_VECTORS_H_
