// GraphLinker: rows that get their links in a GraphDraft, after Malkov & Yashunin 2018. What
// inserts rows, one after the other or merging graphs, is made of it. Internal to index/graph/.
//
// - Distances of links are kept. A list that overflows is pruned by comparing the new link with
//   those there, one batch of 2M distances, where hnswlib recomputes every distance and every pair.
// - Rows are scored a neighbourhood at a time, rows ahead being prefetched; the pool of a search is
//   a sorted array.
// - Searches take no lock. Every list has its full length at all times and is read by relaxed
// atomic
//   loads: what a reader sees while a writer is at work is some mixture of old and new links, each
//   of which is a row. Writers of one row's lists take turns by a byte that spins.
//
// Thread-safe where it says so, with a scratch for each thread.

#ifndef KITH_INDEX_GRAPH_GRAPH_LINKER_H_
#define KITH_INDEX_GRAPH_GRAPH_LINKER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "index/codes/build_codes.h"
#include "index/graph/graph_draft.h"
#include "index/graph/visited_set.h"
#include "index/graph/walk_pool.h"

namespace kith::index {

class GraphLinker {
 public:
  using Found = WalkPool::Found;  // node: a row

  // Of a thread, for one call at a time.
  struct Scratch {
    VisitedSet visited;
    WalkPool pool;
    std::array<uint32_t, Graph::kMaxDegree> ids;
    std::array<float, Graph::kMaxDegree> distances;
    std::vector<Found> candidates;
    std::vector<Found> selected;
    std::vector<Found> starts;
  };

  // How a row is linked on a level: by a search for the `ef` nearest, of which, and of the links
  // that it has already, at most `links` are chosen.
  struct Search {
    uint32_t ef = 0;
    uint32_t links = 0;
  };

  // A draft without links. RESOURCE_EXHAUSTED without memory. May throw for a lack of it.
  static absl::StatusOr<std::unique_ptr<GraphLinker>> Make(const BuildRows& rows, GraphDraft draft);
  GraphLinker(const GraphLinker&) = delete;
  GraphLinker& operator=(const GraphLinker&) = delete;

  const GraphDraft& draft() const { return draft_; }
  GraphDraft TakeDraft() { return std::move(draft_); }

  float Distance(uint32_t a, uint32_t b) const { return rows_.coder->Distance(Code(a), Code(b)); }

  // Where a row's search on `level` begins, from the entry. Thread-safe.
  Found DescendTo(uint32_t level, uint32_t row, Scratch& scratch) const;

  // Links the row on one level, both ways, searching from `starts` (one at least, of that level and
  // not the row). Returns the nearest row found. Thread-safe.
  Found LinkOn(uint32_t level, uint32_t row, std::span<const Found> starts, Search search,
               Scratch& scratch);

  // On all of its levels, from the entry. Thread-safe.
  void Insert(uint32_t row, Search search, Scratch& scratch);

  // Gives the row's list on a level `selected`, and nothing back. Rows may be set side by side.
  void SetLinks(uint32_t level, uint32_t row, std::span<const Found> selected);

  // Thread-safe.
  bool HasLinks(uint32_t level, uint32_t row) const;

  // distances[i]: of `row` and ids[i]. Thread-safe.
  void Distances(uint32_t row, const uint32_t* ids, size_t count, float* distances) const {
    rows_.coder->Distances(Code(row), rows_.codes, ids, count, distances);
  }

  // Adds what the heuristic chooses of candidates, nearest first, to scratch.selected, until it has
  // `links` of them. Thread-safe.
  void SelectMore(std::span<const Found> candidates, uint32_t links, Scratch& scratch) const;

  // Breadth first over level 1: near rows have near ranks. UINT32_MAX for rows that are not on it,
  // or not reached. Not beside writers.
  std::vector<uint32_t> RankUpperRows() const;

 private:
  // A row's list on a level. `ids` is read by anyone at any time; the rest under the row's lock.
  struct Links {
    uint32_t* ids;  // [capacity]
    float* distances;
    uint8_t* count;
    uint32_t capacity;
  };

  GraphLinker(const BuildRows& rows, GraphDraft draft, HugeMemory distances);

  Links LinksOf(uint32_t row, uint32_t level);
  const uint32_t* IdsOf(uint32_t row, uint32_t level) const {
    return level == 0 ? draft_.Links(row) : draft_.UpperLinks(row, level);
  }
  const std::byte* Code(uint32_t row) const { return rows_.codes + size_t{row} * row_bytes_; }

  Found Descend(uint32_t row, Found nearest, uint32_t level, Scratch& scratch) const;
  std::span<const Found> SearchLevel(uint32_t row, std::span<const Found> starts, uint32_t level,
                                     uint32_t ef, Scratch& scratch) const;
  static void Put(const Links& links, uint32_t at, Found link);
  void AddLink(uint32_t row, Found link, uint32_t level, Scratch& scratch);

  // Constant while threads run.
  const BuildRows rows_;
  const size_t row_bytes_;

  // The lists: ids by atomic loads and stores, the rest of a row's under its lock.
  GraphDraft draft_;
  HugeMemory distances_;  // [rows][degree] float, of level 0
  std::vector<uint8_t> counts_;
  std::vector<float> upper_distances_;  // as draft_.upper
  std::vector<uint8_t> upper_counts_;
  std::unique_ptr<std::atomic<uint8_t>[]> locks_;  // [rows]
};

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_GRAPH_LINKER_H_
