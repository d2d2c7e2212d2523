#include "index/graph/graph_builder.h"

#include "index/codes/build_codes.h"
#include "index/graph/graph_draft.h"
#include "index/graph/graph_image.h"
#include "index/graph/graph_merger.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr uint32_t kMinM = 4;
constexpr uint32_t kMaxM = 64;
constexpr uint32_t kMaxEfConstruction = 4096;
constexpr uint32_t kMaxThreads = 256;

absl::Status CheckOptions(const BuildRows& rows, const GraphOptions& options) {
  if (options.m < kMinM || options.m > kMaxM || options.ef_construction < options.m ||
      options.ef_construction > kMaxEfConstruction || options.threads < 1 ||
      options.threads > kMaxThreads || rows.count > Graph::kMaxNodes) {
    return InvalidArgument(
        reason::kLimitOutOfRange,
        "a graph of {} rows with m {}, ef_construction {} and {} threads: taken are "
        "{} rows, m {}..{}, ef_construction m..{}, threads 1..{}",
        rows.count, options.m, options.ef_construction, options.threads, Graph::kMaxNodes, kMinM,
        kMaxM, kMaxEfConstruction, kMaxThreads);
  }
  return absl::OkStatus();
}

absl::StatusOr<BuiltGraph> Finish(const BuildRows& rows, absl::StatusOr<GraphDraft> draft,
                                  const Call& call) {
  KITH_RETURN_IF_ERROR(draft.status());
  LinkUnreachable(rows, *draft);
  KITH_RETURN_IF_ERROR(call.Check());
  return FreezeGraph(*draft);
}

}  // namespace

absl::StatusOr<BuiltGraph> BuildGraph(const BuildRows& rows, const GraphOptions& options,
                                      const Call& call, const GraphProgress& progress) {
  KITH_RETURN_IF_ERROR(CheckOptions(rows, options));
  const auto build = options.builder == GraphBuilder::kHnswlib ? BuildByHnswlib : BuildByKith;
  return Finish(rows, build(rows, options, call, progress), call);
}

absl::StatusOr<BuiltGraph> MergeGraphs(const BuildRows& rows, std::span<const GraphPart> parts,
                                       const GraphOptions& options, uint32_t pool, const Call& call,
                                       const GraphProgress& progress) {
  KITH_RETURN_IF_ERROR(CheckOptions(rows, options));
  if (pool < 1 || pool > options.ef_construction) {
    return InvalidArgument(reason::kLimitOutOfRange,
                           "short walks with a pool of {}: taken are 1 to ef_construction, {}",
                           pool, options.ef_construction);
  }
  return Finish(rows, MergeByKith(rows, parts, options, pool, call, progress), call);
}

size_t EstimateGraphBytes(uint64_t rows, uint32_t m) {
  // A row is on 1 / (m - 1) upper levels in the mean; twice that leaves room for chance.
  const uint64_t upper_rows = rows * 2 / (m - 1) + 64;
  return graph_image::Layout(rows, 2 * m, Graph::kMaxLevels).first_level +
         graph_image::LevelBytes(upper_rows, m) + Graph::kMaxLevels * graph_image::kAlignment;
}

size_t EstimateGraphBuildBytes(uint64_t rows, size_t row_bytes, const GraphOptions& options) {
  uint64_t a_row = 0;
  if (options.builder == GraphBuilder::kHnswlib) {
    // Links, a copy of the code, a label; a lock, a level, a pointer, an entry of a hash table; and
    // a mark a thread.
    a_row = 2 * options.m * 4 + 4 + row_bytes + 8 + 40 + 4 + 8 + 72 + 2 * uint64_t{options.threads};
  } else {
    // Distances of links, on the upper levels too; a count and a lock; where it starts and in which
    // order, or where it comes from and in which order; and a mark a thread.
    a_row = 3 * options.m * 4 + 2 + 24 + uint64_t{options.threads};
  }
  // A draft is about as large as the image; freezing and repairing number its rows some times.
  return rows * (a_row + 48) + 2 * EstimateGraphBytes(rows, options.m);
}

}  // namespace kith::index
