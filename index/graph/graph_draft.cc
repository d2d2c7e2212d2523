#include "index/graph/graph_draft.h"

#include <algorithm>
#include <utility>

#include "kith/base/status_macros.h"

namespace kith::index {

absl::StatusOr<GraphDraft> GraphDraft::Make(uint32_t m, std::vector<uint8_t> levels) {
  GraphDraft draft;
  draft.rows = static_cast<uint32_t>(levels.size());
  draft.m = m;
  KITH_ASSIGN_OR_RETURN(
      draft.level0, HugeMemory::Allocate(size_t{draft.rows} * draft.degree() * sizeof(uint32_t)));
  draft.offsets.resize(draft.rows);
  uint64_t upper = 0;
  for (uint32_t row = 0; row < draft.rows; ++row) {
    draft.offsets[row] = upper;
    upper += uint64_t{levels[row]} * m;
    if (levels[row] > levels[draft.entry]) draft.entry = row;
  }
  draft.upper.resize(upper);
  draft.levels = std::move(levels);
  for (uint32_t row = 0; row < draft.rows; ++row) {
    std::fill_n(draft.Links(row), draft.degree(), row);
    std::fill_n(draft.upper.data() + draft.offsets[row], size_t{draft.levels[row]} * m, row);
  }
  return draft;
}

}  // namespace kith::index
