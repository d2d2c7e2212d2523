// Building by hnswlib, over our codes: the only file that includes it, and the border that none of
// its exceptions crosses. It copies each coded row beside the row's links, as it does with vectors.

#include <atomic>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "hnswlib/hnswlib.h"
#include "index/codes/build_codes.h"
#include "index/graph/graph_draft.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr uint32_t kRowsPerCheck = 64;

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

// The exception being handled, as a status.
absl::Status CurrentException() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
                 "the system gave no memory to build a graph");
  } catch (const std::exception& error) {
    return Error(absl::StatusCode::kInternal, reason::kInternal, "hnswlib: {}", error.what());
  } catch (...) {
    return Error(absl::StatusCode::kInternal, reason::kInternal, "hnswlib: unknown exception");
  }
}

// Rows shared out among threads, the first failure kept.
class Insertion {
 public:
  Insertion(Hnsw& hnsw, const BuildRows& rows, const Call& call, const GraphProgress& progress)
      : hnsw_(hnsw), rows_(rows), call_(call), progress_(progress) {}

  absl::Status Run(uint32_t threads) {
    std::vector<std::thread> helpers;
    try {
      // The first row goes in alone: it becomes the entry of all others.
      hnsw_.addPoint(rows_.codes, 0);
      for (uint32_t i = 1; i < threads; ++i) helpers.emplace_back([this] { Work(false); });
    } catch (...) {
      Fail(CurrentException());
    }
    Work(true);
    for (std::thread& helper : helpers) helper.join();
    return status_;
  }

 private:
  void Work(bool reports) {
    try {
      for (uint32_t done = 0; !failed_.load(std::memory_order_relaxed); ++done) {
        const uint32_t row = next_.fetch_add(1, std::memory_order_relaxed);
        if (row >= rows_.count) return;
        hnsw_.addPoint(rows_.codes + size_t{row} * rows_.coder->row_bytes(), row);
        if (done % kRowsPerCheck != 0) continue;
        if (absl::Status status = call_.Check(); !status.ok()) Fail(std::move(status));
        if (reports && progress_) progress_(row + 1, rows_.count);
      }
    } catch (...) {
      Fail(CurrentException());
    }
  }

  void Fail(absl::Status status) {
    const std::lock_guard lock(mu_);
    if (status_.ok()) status_ = std::move(status);
    failed_.store(true, std::memory_order_relaxed);
  }

  Hnsw& hnsw_;
  const BuildRows& rows_;
  const Call& call_;
  const GraphProgress& progress_;
  // Relaxed: they publish nothing but themselves; hnswlib locks what it shares, and join()
  // publishes status_ to Run.
  std::atomic<uint32_t> next_{1};
  std::atomic<bool> failed_{false};
  std::mutex mu_;
  absl::Status status_;  // written under mu_, read after the helpers have ended
};

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
    KITH_RETURN_IF_ERROR(Insertion(hnsw, rows, call, progress).Run(options.threads));
    return DraftOf(hnsw, options.m);
  } catch (...) {
    return CurrentException();
  }
}

}  // namespace kith::index
