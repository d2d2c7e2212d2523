#include "index/graph/graph_merger.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "index/graph/graph_draft.h"
#include "index/graph/graph_linker.h"
#include "index/graph/row_insertion.h"
#include "index/graph/row_workers.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

using Found = GraphLinker::Found;
using Scratch = GraphLinker::Scratch;

constexpr double kDeadShareMax = 0.2;
uint64_t LiveRows(const GraphPart& part) {
  return part.row_of_slot.size() -
         static_cast<uint64_t>(
             std::count(part.row_of_slot.begin(), part.row_of_slot.end(), GraphPart::kDead));
}

bool IsUsable(const GraphPart& part, uint64_t live, const GraphOptions& options) {
  const Graph& graph = *part.graph;
  return graph.degree() == 2 * options.m && graph.upper_degree() == options.m && live > 0 &&
         static_cast<double>(graph.nodes() - live) < kDeadShareMax * graph.nodes();
}

class Merger {
 public:
  Merger(const BuildRows& rows, std::span<const GraphPart> parts, const GraphOptions& options,
         uint32_t pool, const Call& call, const GraphProgress& progress)
      : rows_(rows),
        options_(options),
        pool_(pool),
        call_(call),
        progress_(progress),
        origin_(rows.count, Origin::kNone),
        part_of_row_(rows.count),
        node_of_row_(rows.count),
        scratch_(options.threads) {
    uint64_t most = 0;
    for (const GraphPart& part : parts) {
      const uint64_t live = LiveRows(part);
      if (!IsUsable(part, live, options)) continue;
      if (live > most) base_ = parts_.size();
      most = std::max(most, live);
      parts_.push_back(part);
    }
  }

  absl::StatusOr<GraphDraft> Run();

 private:
  // Which graph a row was in.
  enum class Origin : uint8_t { kNone, kBase, kOther };

  absl::StatusOr<GraphDraft> MakeDraft();
  absl::Status KeepBase();
  template <typename RowOf>
  void ReadList(const uint32_t* neighbours, uint32_t number, uint32_t capacity, const RowOf& row_of,
                bool repair, Scratch& scratch);
  void Relink(uint32_t row, GraphLinker::Search search, Scratch& scratch);
  absl::Status InsertSample();
  std::vector<uint32_t> OrderOfOthers() const;
  absl::Status RelinkOthers();

  const BuildRows& rows_;
  const GraphOptions& options_;
  const uint32_t pool_;
  const Call& call_;
  const GraphProgress& progress_;
  std::vector<GraphPart> parts_;  // those that are used
  size_t base_ = 0;               // the largest of them
  // By row; the latter two where there is a graph.
  std::vector<Origin> origin_;
  std::vector<uint32_t> part_of_row_;
  std::vector<uint32_t> node_of_row_;
  std::vector<Scratch> scratch_;
  std::unique_ptr<GraphLinker> linker_;
};

absl::StatusOr<GraphDraft> Merger::Run() {
  KITH_ASSIGN_OR_RETURN(GraphDraft draft, MakeDraft());
  KITH_ASSIGN_OR_RETURN(linker_, GraphLinker::Make(rows_, std::move(draft)));
  KITH_RETURN_IF_ERROR(KeepBase());
  KITH_RETURN_IF_ERROR(InsertSample());
  KITH_RETURN_IF_ERROR(RelinkOthers());
  return linker_->TakeDraft();
}

// Levels are those of the parts, so that the sample on them stays as large as it is, however often
// graphs are merged.
absl::StatusOr<GraphDraft> Merger::MakeDraft() {
  std::vector<uint8_t> levels(rows_.count);
  for (size_t p = 0; p < parts_.size(); ++p) {
    const Graph& graph = *parts_[p].graph;
    for (uint32_t node = 0; node < graph.nodes(); ++node) {
      const uint32_t row = parts_[p].row_of_slot[graph.slot(node)];
      if (row == GraphPart::kDead) continue;
      origin_[row] = p == base_ ? Origin::kBase : Origin::kOther;
      part_of_row_[row] = static_cast<uint32_t>(p);
      node_of_row_[row] = node;
    }
    for (size_t l = 0; l < graph.levels().size(); ++l) {
      const Graph::Level& level = graph.levels()[l];
      for (uint32_t i = 0; i < level.count; ++i) {
        const uint32_t row = parts_[p].row_of_slot[graph.slot(level.node[i])];
        if (row != GraphPart::kDead) levels[row] = static_cast<uint8_t>(l + 1);
      }
    }
  }
  uint32_t entry = GraphPart::kDead;
  for (uint32_t row = 0; row < rows_.count; ++row) {
    if (origin_[row] == Origin::kNone) levels[row] = DrawLevel(row, options_.m);
    if (origin_[row] != Origin::kBase) continue;
    if (entry == GraphPart::kDead || levels[row] > levels[entry]) entry = row;
  }
  // The largest part has the entry, whoever had the highest row.
  levels[entry] = *std::max_element(levels.begin(), levels.end());
  KITH_ASSIGN_OR_RETURN(GraphDraft draft, GraphDraft::Make(options_.m, std::move(levels)));
  draft.entry = entry;
  return draft;
}

// The largest part's lists, on all levels.
absl::Status Merger::KeepBase() {
  const GraphPart& part = parts_[base_];
  const Graph& graph = *part.graph;
  const auto keep = [&](uint32_t level, uint32_t count, const uint32_t* neighbours,
                        const auto& row_of) {
    const uint32_t capacity = level == 0 ? graph.degree() : graph.upper_degree();
    return ForEachRow(count, kNearRows, options_.threads, call_, {},
                      [&](uint32_t number, uint32_t thread) {
                        if (row_of(number) == GraphPart::kDead) return;
                        ReadList(neighbours, number, capacity, row_of, true, scratch_[thread]);
                        linker_->SetLinks(level, row_of(number), scratch_[thread].selected);
                      });
  };
  KITH_RETURN_IF_ERROR(keep(0, graph.nodes(), graph.neighbours(0),
                            [&](uint32_t node) { return part.row_of_slot[graph.slot(node)]; }));
  for (uint32_t l = 0; l < graph.levels().size(); ++l) {
    const Graph::Level& level = graph.levels()[l];
    KITH_RETURN_IF_ERROR(keep(l + 1, level.count, level.neighbours, [&](uint32_t i) {
      return part.row_of_slot[graph.slot(level.node[i])];
    }));
  }
  return absl::OkStatus();
}

// The list of a part's node, by the numbers of a level, as rows with their distances, into
// scratch.selected. If it is to be repaired, in the places of dead ones come those that these
// linked to, as far as the heuristic wants them.
template <typename RowOf>
void Merger::ReadList(const uint32_t* neighbours, uint32_t number, uint32_t capacity,
                      const RowOf& row_of, bool repair, Scratch& scratch) {
  const uint32_t row = row_of(number);
  const auto list = [&](uint32_t of) {
    return std::span(neighbours + size_t{of} * capacity, capacity);
  };
  std::vector<Found>& kept = scratch.selected;
  std::vector<Found>& candidates = scratch.candidates;
  kept.clear();
  candidates.clear();
  VisitedSet& visited = scratch.visited;
  visited.Reset(rows_.count);
  visited.Insert(row);
  uint32_t lost = 0;
  const auto take = [&](uint32_t other, std::vector<Found>& to) {
    if (visited.Insert(other)) to.push_back({0, other});
  };
  for (const uint32_t neighbour : list(number)) {
    if (const uint32_t other = row_of(neighbour); other != GraphPart::kDead) {
      take(other, kept);
    } else {
      ++lost;
    }
  }
  const auto measure = [&](std::vector<Found>& of) {
    for (size_t i = 0; i < of.size();) {
      const size_t count = std::min<size_t>(of.size() - i, Graph::kMaxDegree);
      for (size_t j = 0; j < count; ++j) scratch.ids[j] = of[i + j].node;
      linker_->Distances(row, scratch.ids.data(), count, scratch.distances.data());
      for (size_t j = 0; j < count; ++j, ++i) of[i].distance = scratch.distances[j];
    }
  };
  measure(kept);
  if (repair && lost > 0) {
    for (const uint32_t neighbour : list(number)) {
      if (row_of(neighbour) != GraphPart::kDead) continue;
      for (const uint32_t next : list(neighbour)) {
        if (const uint32_t other = row_of(next); other != GraphPart::kDead) take(other, candidates);
      }
    }
    measure(candidates);
    std::sort(candidates.begin(), candidates.end(),
              [](const Found& a, const Found& b) { return a.distance < b.distance; });
    linker_->SelectMore(candidates, static_cast<uint32_t>(kept.size()) + lost, scratch);
  }
}

// What is on upper levels, and what no graph knows.
absl::Status Merger::InsertSample() {
  std::vector<uint32_t> rows;
  for (uint32_t row = 0; row < rows_.count; ++row) {
    if (row == linker_->draft().entry) continue;
    if (origin_[row] == Origin::kNone ||
        (origin_[row] == Origin::kOther && linker_->draft().levels[row] > 0)) {
      rows.push_back(row);
    }
  }
  return InsertRows(
      *linker_, rows, options_, call_,
      [this](uint64_t done, uint64_t) {
        if (progress_) progress_(done, rows_.count);
      },
      scratch_);
}

// From the sample outwards, so that some neighbour of every row has been there before it; and the
// sample in the order of the graph, so that rows near each other follow each other.
std::vector<uint32_t> Merger::OrderOfOthers() const {
  const GraphDraft& draft = linker_->draft();
  const std::vector<uint32_t> ranks = linker_->RankUpperRows();
  std::vector<bool> pending(rows_.count);
  std::vector<uint32_t> queue;
  for (uint32_t row = 0; row < rows_.count; ++row) {
    if (origin_[row] != Origin::kOther) continue;
    if (draft.levels[row] > 0) {
      queue.push_back(row);
    } else {
      pending[row] = true;
    }
  }
  std::stable_sort(queue.begin(), queue.end(),
                   [&](uint32_t a, uint32_t b) { return ranks[a] < ranks[b]; });
  const size_t sample = queue.size();
  for (size_t i = 0; i < queue.size(); ++i) {
    const GraphPart& part = parts_[part_of_row_[queue[i]]];
    const Graph& graph = *part.graph;
    for (const uint32_t node :
         std::span(graph.neighbours(node_of_row_[queue[i]]), graph.degree())) {
      const uint32_t next = part.row_of_slot[graph.slot(node)];
      if (next == GraphPart::kDead || !pending[next]) continue;
      pending[next] = false;
      queue.push_back(next);
    }
  }
  for (uint32_t row = 0; row < rows_.count; ++row) {
    if (pending[row]) queue.push_back(row);
  }
  queue.erase(queue.begin(), queue.begin() + static_cast<ptrdiff_t>(sample));
  return queue;
}

// The short walk of a row. Where none of its neighbours is there yet, as may be beside other
// threads, it comes from the entry.
void Merger::Relink(uint32_t row, GraphLinker::Search search, Scratch& scratch) {
  const GraphPart& part = parts_[part_of_row_[row]];
  const Graph& graph = *part.graph;
  ReadList(
      graph.neighbours(0), node_of_row_[row], graph.degree(),
      [&](uint32_t node) { return part.row_of_slot[graph.slot(node)]; }, false, scratch);
  std::vector<Found>& starts = scratch.starts;
  starts.clear();
  for (const Found& link : scratch.selected) {
    if (linker_->HasLinks(0, link.node)) starts.push_back(link);
  }
  if (starts.empty()) starts.push_back(linker_->DescendTo(0, row, scratch));
  linker_->LinkOn(0, row, starts, search, scratch);
}

absl::Status Merger::RelinkOthers() {
  const std::vector<uint32_t> order = OrderOfOthers();
  const uint64_t before = rows_.count - order.size();
  const GraphLinker::Search search = {.ef = pool_, .links = options_.m};
  return ForEachRow(
      static_cast<uint32_t>(order.size()), kNearRows, options_.threads, call_,
      [&](uint64_t done, uint64_t) {
        if (progress_) progress_(before + done, rows_.count);
      },
      [&](uint32_t i, uint32_t thread) { Relink(order[i], search, scratch_[thread]); });
}

}  // namespace

bool IsMergeable(uint32_t rows, std::span<const GraphPart> parts, const GraphOptions& options) {
  uint64_t used = 0;
  for (const GraphPart& part : parts) {
    const uint64_t live = LiveRows(part);
    if (IsUsable(part, live, options)) used += live;
  }
  return options.builder == GraphBuilder::kKith && used > 0 && 2 * used >= rows;
}

absl::StatusOr<GraphDraft> MergeByKith(const BuildRows& rows, std::span<const GraphPart> parts,
                                       const GraphOptions& options, uint32_t pool, const Call& call,
                                       const GraphProgress& progress) {
  try {
    return Merger(rows, parts, options, pool, call, progress).Run();
  } catch (...) {
    return CurrentException();
  }
}

}  // namespace kith::index
