// Kith's own insertion, after Malkov & Yashunin 2018 as hnswlib does it. What differs, and why it
// takes a fraction of the time, stands in graph_linker.h; and: levels are drawn before anything is
// inserted, and the highest row goes in first, so that the entry never changes, and nothing guards
// it.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "index/graph/graph_draft.h"
#include "index/graph/graph_linker.h"
#include "index/graph/row_insertion.h"
#include "index/graph/row_workers.h"
#include "kith/base/status_macros.h"

namespace kith::index {

absl::StatusOr<GraphDraft> BuildByKith(const BuildRows& rows, const GraphOptions& options,
                                       const Call& call, const GraphProgress& progress) {
  try {
    std::vector<uint8_t> levels(rows.count);
    for (uint32_t row = 0; row < rows.count; ++row) levels[row] = DrawLevel(row, options.m);
    KITH_ASSIGN_OR_RETURN(GraphDraft draft, GraphDraft::Make(options.m, std::move(levels)));
    if (rows.count <= 1) return draft;
    // The entry is there from the beginning.
    std::vector<uint32_t> others;
    others.reserve(rows.count - 1);
    for (uint32_t row = 0; row < rows.count; ++row) {
      if (row != draft.entry) others.push_back(row);
    }
    KITH_ASSIGN_OR_RETURN(const auto linker, GraphLinker::Make(rows, std::move(draft)));
    std::vector<GraphLinker::Scratch> scratch(options.threads);
    KITH_RETURN_IF_ERROR(InsertRows(*linker, others, options, call, progress, scratch));
    return linker->TakeDraft();
  } catch (...) {
    return CurrentException();
  }
}

}  // namespace kith::index
