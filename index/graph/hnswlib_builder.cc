// Building by hnswlib, over our codes: the only file that includes it, and the border that none of
// its exceptions crosses. It copies each coded row beside the row's links, as it does with vectors.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

// Without it hnswlib prefetches, and to that end reads a number beyond the end of its lists.
#define NO_MANUAL_VECTORIZATION
#include "hnswlib/hnswlib.h"
#include "index/codes/build_codes.h"
#include "index/graph/graph_draft.h"
#include "index/graph/row_workers.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

float CodedDistance(const void* a, const void* b, const void* coder) {
  return static_cast<const BuildCoder*>(coder)->Distance(static_cast<const std::byte*>(a),
                                                         static_cast<const std::byte*>(b));
}

class CodedSpace : public hnswlib::SpaceInterface<float> {
 public:
  explicit CodedSpace(const BuildCoder& coder) : coder_(coder) {}

  size_t get_data_size() override { return coder_.row_bytes(); }
  hnswlib::DISTFUNC<float> get_dist_func() override { return CodedDistance; }
  // hnswlib hands it back to CodedDistance, which takes it as const.
  void* get_dist_func_param() override { return const_cast<BuildCoder*>(&coder_); }

 private:
  const BuildCoder& coder_;
};

using Hnsw = hnswlib::HierarchicalNSW<float>;

absl::StatusOr<GraphDraft> DraftOf(Hnsw& hnsw, uint32_t m) {
  const uint32_t count = static_cast<uint32_t>(hnsw.cur_element_count);
  std::vector<uint32_t> row_of(count);
  std::vector<uint8_t> levels(count);
  for (uint32_t id = 0; id < count; ++id) {
    row_of[id] = static_cast<uint32_t>(hnsw.getExternalLabel(id));
    levels[row_of[id]] = static_cast<uint8_t>(hnsw.element_levels_[id]);
  }
  KITH_ASSIGN_OR_RETURN(GraphDraft draft, GraphDraft::Make(m, std::move(levels)));
  draft.entry = row_of[hnsw.enterpoint_node_];
  for (uint32_t id = 0; id < count; ++id) {
    const uint32_t row = row_of[id];
    for (uint32_t level = 0; level <= draft.levels[row]; ++level) {
      uint32_t* out = level == 0 ? draft.Links(row) : draft.UpperLinks(row, level);
      hnswlib::linklistsizeint* list =
          level == 0 ? hnsw.get_linklist0(id) : hnsw.get_linklist(id, static_cast<int>(level));
      const uint32_t links = hnsw.getListCount(list);
      // hnswlib leaves its lists in either order of distance; nothing here depends on it.
      for (uint32_t i = 0; i < links; ++i) out[i] = row_of[list[1 + i]];
    }
  }
  return draft;
}

}  // namespace

absl::StatusOr<GraphDraft> BuildByHnswlib(const BuildRows& rows, const GraphOptions& options,
                                          const Call& call, const GraphProgress& progress) {
  if (rows.count == 0) return GraphDraft::Make(options.m, {});
  try {
    CodedSpace space(*rows.coder);
    Hnsw hnsw(&space, rows.count, options.m, options.ef_construction);
    // The first row goes in alone: it becomes the entry of all others.
    hnsw.addPoint(rows.codes, 0);
    KITH_RETURN_IF_ERROR(ForEachRow(rows.count - 1, 1, options.threads, call, progress,
                                    [&](uint32_t before, uint32_t /*thread*/) {
                                      const uint32_t row = before + 1;
                                      hnsw.addPoint(
                                          rows.codes + size_t{row} * rows.coder->row_bytes(), row);
                                    }));
    return DraftOf(hnsw, options.m);
  } catch (...) {
    return CurrentException();
  }
}

}  // namespace kith::index
