#include "index/graph/row_insertion.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "index/graph/row_workers.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

// A row of level 0 alone, on its way in.
struct Arrival {
  uint32_t row;
  GraphLinker::Found start;  // where its descent ended
  uint32_t rank;             // of that row in the graph's order
};

}  // namespace

uint8_t DrawLevel(uint64_t row, uint32_t m) {
  uint64_t z = (row + 1) * 0x9e3779b97f4a7c15;  // splitmix64
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  const double uniform = (static_cast<double>(z >> 11) + 1) * 0x1p-53;  // (0, 1]
  const double level = -std::log(uniform) / std::log(m);
  return static_cast<uint8_t>(std::min<double>(level, Graph::kMaxLevels - 1));
}

absl::Status InsertRows(GraphLinker& linker, std::span<const uint32_t> rows,
                        const GraphOptions& options, const Call& call,
                        const GraphProgress& progress, std::span<GraphLinker::Scratch> scratch) {
  const GraphLinker::Search search = {.ef = options.ef_construction, .links = options.m};
  std::vector<uint32_t> upper;
  std::vector<Arrival> others;
  for (const uint32_t row : rows) {
    if (linker.draft().levels[row] > 0) {
      upper.push_back(row);
    } else {
      others.push_back({.row = row, .start = {}, .rank = 0});
    }
  }
  const auto for_each = [&](size_t count, uint32_t run, const GraphProgress& report,
                            const std::function<void(uint32_t, uint32_t)>& work) {
    return ForEachRow(static_cast<uint32_t>(count), run, options.threads, call, report, work);
  };
  KITH_RETURN_IF_ERROR(for_each(upper.size(), 1, {}, [&](uint32_t i, uint32_t thread) {
    linker.Insert(upper[i], search, scratch[thread]);
  }));
  if (others.empty()) return absl::OkStatus();
  const std::vector<uint32_t> ranks = linker.RankUpperRows();
  KITH_RETURN_IF_ERROR(for_each(others.size(), kNearRows, {}, [&](uint32_t i, uint32_t thread) {
    Arrival& arrival = others[i];
    arrival.start = linker.DescendTo(0, arrival.row, scratch[thread]);
    arrival.rank = ranks[arrival.start.node];
  }));
  std::stable_sort(others.begin(), others.end(),
                   [](const Arrival& a, const Arrival& b) { return a.rank < b.rank; });
  return for_each(
      others.size(), kNearRows,
      [&](uint64_t done, uint64_t) {
        if (progress) progress(upper.size() + done, rows.size());
      },
      [&](uint32_t i, uint32_t thread) {
        linker.LinkOn(0, others[i].row, {&others[i].start, 1}, search, scratch[thread]);
      });
}

}  // namespace kith::index
