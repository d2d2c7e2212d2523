#include "index/graph/graph_linker.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "index/graph/graph_walk.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

using Found = GraphLinker::Found;

// Candidates that are compared with those selected before them at once.
constexpr size_t kBlock = 16;
// The first of a neighbourhood are wanted before a prefetch could help.
constexpr uint32_t kNotPrefetched = 2;

uint32_t LoadLink(const uint32_t& link) {
  return std::atomic_ref<uint32_t>(const_cast<uint32_t&>(link)).load(std::memory_order_relaxed);
}

void StoreLink(uint32_t& link, uint32_t row) {
  std::atomic_ref<uint32_t>(link).store(row, std::memory_order_relaxed);
}

bool IsNearer(const Found& a, const Found& b) { return a.distance < b.distance; }

class RowLock {
 public:
  explicit RowLock(std::atomic<uint8_t>& byte) : byte_(byte) {
    // Acquire and release publish the lists of the row from one writer to the next.
    while (byte_.exchange(1, std::memory_order_acquire) != 0) std::this_thread::yield();
  }
  ~RowLock() { byte_.store(0, std::memory_order_release); }
  RowLock(const RowLock&) = delete;
  RowLock& operator=(const RowLock&) = delete;

 private:
  std::atomic<uint8_t>& byte_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GraphLinker>> GraphLinker::Make(const BuildRows& rows,
                                                               GraphDraft draft) {
  KITH_ASSIGN_OR_RETURN(HugeMemory distances, HugeMemory::Allocate(draft.level0.size_bytes()));
  return std::unique_ptr<GraphLinker>(
      new GraphLinker(rows, std::move(draft), std::move(distances)));
}

GraphLinker::GraphLinker(const BuildRows& rows, GraphDraft draft, HugeMemory distances)
    : rows_(rows),
      row_bytes_(rows.coder->row_bytes()),
      draft_(std::move(draft)),
      distances_(std::move(distances)),
      counts_(rows.count),
      upper_distances_(draft_.upper.size()),
      upper_counts_(draft_.upper.size() / draft_.m),
      locks_(new std::atomic<uint8_t>[rows.count]()) {}

GraphLinker::Links GraphLinker::LinksOf(uint32_t row, uint32_t level) {
  if (level == 0) {
    return {draft_.Links(row),
            reinterpret_cast<float*>(distances_.data()) + size_t{row} * draft_.degree(),
            &counts_[row], draft_.degree()};
  }
  const size_t at = draft_.offsets[row] + size_t{level - 1} * draft_.m;
  return {draft_.upper.data() + at, upper_distances_.data() + at, &upper_counts_[at / draft_.m],
          draft_.m};
}

void GraphLinker::Insert(uint32_t row, Search search, Scratch& scratch) {
  const uint32_t own = draft_.levels[row];
  Found nearest = DescendTo(own, row, scratch);
  for (uint32_t level = own + 1; level-- > 0;) {
    nearest = LinkOn(level, row, {&nearest, 1}, search, scratch);
  }
}

Found GraphLinker::DescendTo(uint32_t level, uint32_t row, Scratch& scratch) const {
  Found nearest = {Distance(row, draft_.entry), draft_.entry};
  for (uint32_t above = draft_.levels[draft_.entry]; above > level; --above) {
    nearest = Descend(row, nearest, above, scratch);
  }
  return nearest;
}

Found GraphLinker::LinkOn(uint32_t level, uint32_t row, std::span<const Found> starts,
                          Search search, Scratch& scratch) {
  const std::span<const Found> found = SearchLevel(row, starts, level, search.ef, scratch);
  const Found nearest = found.front();
  std::vector<Found>& candidates = scratch.candidates;
  candidates.assign(found.begin(), found.end());
  size_t fresh = 0;  // of scratch.selected
  {
    const RowLock lock(locks_[row]);
    const Links links = LinksOf(row, level);
    const uint32_t before = *links.count;
    const auto add = [&](const Found& more) {
      if (std::none_of(candidates.begin(), candidates.end(),
                       [&](const Found& f) { return f.node == more.node; })) {
        candidates.push_back(more);
      }
    };
    for (uint32_t i = 0; i < before; ++i) add({links.distances[i], links.ids[i]});
    if (starts.size() > 1) {
      for (const Found& start : starts) add(start);
    }
    if (candidates.size() > found.size()) {
      std::sort(candidates.begin() + static_cast<ptrdiff_t>(found.size()), candidates.end(),
                IsNearer);
      std::inplace_merge(candidates.begin(),
                         candidates.begin() + static_cast<ptrdiff_t>(found.size()),
                         candidates.end(), IsNearer);
    }
    std::vector<Found>& selected = scratch.selected;
    selected.clear();
    SelectMore(candidates, search.links, scratch);
    // Those that it had go to the end: they need no link back.
    const auto is_new = [&](const Found& link) {
      return std::find(links.ids, links.ids + before, link.node) == links.ids + before;
    };
    fresh =
        before == 0
            ? selected.size()
            : static_cast<size_t>(std::stable_partition(selected.begin(), selected.end(), is_new) -
                                  selected.begin());
    for (uint32_t i = 0; i < selected.size(); ++i) Put(links, i, selected[i]);
    for (size_t i = selected.size(); i < before; ++i) StoreLink(links.ids[i], row);
    *links.count = static_cast<uint8_t>(selected.size());
  }
  for (size_t i = 0; i < fresh; ++i) {
    const Found link = scratch.selected[i];
    AddLink(link.node, {link.distance, row}, level, scratch);
  }
  return nearest;
}

bool GraphLinker::HasLinks(uint32_t level, uint32_t row) const {
  return LoadLink(*IdsOf(row, level)) != row;  // an empty list begins with the row itself
}

void GraphLinker::SetLinks(uint32_t level, uint32_t row, std::span<const Found> selected) {
  const Links links = LinksOf(row, level);
  for (uint32_t i = 0; i < selected.size(); ++i) Put(links, i, selected[i]);
  *links.count = static_cast<uint8_t>(selected.size());
}

std::vector<uint32_t> GraphLinker::RankUpperRows() const {
  std::vector<uint32_t> ranks(rows_.count, UINT32_MAX);
  std::vector<uint32_t> queue;
  const auto visit = [&](uint32_t row) {
    if (ranks[row] != UINT32_MAX) return;
    ranks[row] = static_cast<uint32_t>(queue.size());
    queue.push_back(row);
  };
  if (draft_.levels[draft_.entry] == 0) return ranks;
  visit(draft_.entry);
  for (size_t i = 0; i < queue.size(); ++i) {
    const uint32_t* links = draft_.UpperLinks(queue[i], 1);
    for (uint32_t j = 0; j < draft_.m; ++j) visit(links[j]);
  }
  return ranks;
}

// Greedily to the row of the level that is nearest.
Found GraphLinker::Descend(uint32_t row, Found nearest, uint32_t level, Scratch& scratch) const {
  for (bool closer = true; closer;) {
    closer = false;
    const uint32_t* links = draft_.UpperLinks(nearest.node, level);
    for (uint32_t i = 0; i < draft_.m; ++i) scratch.ids[i] = LoadLink(links[i]);
    rows_.coder->Distances(Code(row), rows_.codes, scratch.ids.data(), draft_.m,
                           scratch.distances.data());
    for (uint32_t i = 0; i < draft_.m; ++i) {
      // Not itself: where graphs are merged, others may lead to the row already.
      if (scratch.distances[i] < nearest.distance && scratch.ids[i] != row) {
        nearest = {scratch.distances[i], scratch.ids[i]};
        closer = true;
      }
    }
  }
  return nearest;
}

// The `ef` nearest rows of a level, nearest first.
std::span<const Found> GraphLinker::SearchLevel(uint32_t row, std::span<const Found> starts,
                                                uint32_t level, uint32_t ef,
                                                Scratch& scratch) const {
  const uint32_t capacity = level == 0 ? draft_.degree() : draft_.m;
  const auto prefetch = [&](uint32_t next) {
    const uint32_t* ids = IdsOf(next, level);
    for (uint32_t i = 0; i < capacity; i += 64 / sizeof(uint32_t)) __builtin_prefetch(ids + i);
  };
  WalkPool& pool = scratch.pool;
  VisitedSet& visited = scratch.visited;
  pool.Reset(ef);
  visited.Reset(rows_.count);
  visited.Insert(row);
  for (const Found& start : starts) {
    if (visited.Insert(start.node) && start.distance < pool.bound()) pool.Push(start, AllNodes{});
  }
  while (pool.HasUnexpanded()) {
    const uint32_t* links = IdsOf(pool.TakeNearest(), level);
    for (uint32_t i = 0; i < capacity; ++i) scratch.ids[i] = LoadLink(links[i]);
    const uint32_t count = visited.InsertAll(scratch.ids.data(), capacity, scratch.ids.data());
    // Most likely the next one to be expanded.
    if (pool.HasUnexpanded()) prefetch(pool.PeekNearest());
    if (count == 0) continue;
    // All of them at once, where scoring them one after the other would wait for a few at a time.
    for (uint32_t i = kNotPrefetched; i < count; ++i) {
      const std::byte* code = Code(scratch.ids[i]);
      for (size_t byte = 0; byte < row_bytes_; byte += 64) __builtin_prefetch(code + byte);
    }
    rows_.coder->Distances(Code(row), rows_.codes, scratch.ids.data(), count,
                           scratch.distances.data());
    for (uint32_t i = 0; i < count; ++i) {
      if (scratch.distances[i] < pool.bound()) {
        pool.Push({scratch.distances[i], scratch.ids[i]}, AllNodes{});
      }
    }
  }
  return pool.Finish(AllNodes{});
}

// The heuristic of the paper (algorithm 4): a candidate is taken unless one taken before is nearer
// to it than the row itself. A block of candidates is compared with each of those taken before at
// once, which leaves the processor no distance to wait for.
void GraphLinker::SelectMore(std::span<const Found> candidates, uint32_t links,
                             Scratch& scratch) const {
  std::vector<Found>& selected = scratch.selected;
  std::array<Found, kBlock> block;
  std::array<uint32_t, kBlock> ids;
  std::array<float, kBlock> distances;
  for (size_t next = 0; next < candidates.size();) {
    size_t count = std::min(kBlock, candidates.size() - next);
    std::copy_n(candidates.begin() + static_cast<ptrdiff_t>(next), count, block.begin());
    next += count;
    // Drops what `taken` is nearer to, from block[from] on.
    const auto drop = [&](uint32_t taken, size_t from) {
      for (size_t i = from; i < count; ++i) ids[i] = block[i].node;
      if (from < count) {
        rows_.coder->Distances(Code(taken), rows_.codes, ids.data() + from, count - from,
                               distances.data() + from);
      }
      size_t kept = from;
      for (size_t i = from; i < count; ++i) {
        if (distances[i] >= block[i].distance) block[kept++] = block[i];
      }
      count = kept;
    };
    for (size_t s = 0; s < selected.size() && count > 0; ++s) drop(selected[s].node, 0);
    for (size_t i = 0; i < count; ++i) {
      selected.push_back(block[i]);
      if (selected.size() == links) return;
      drop(block[i].node, i + 1);
    }
  }
}

void GraphLinker::Put(const Links& links, uint32_t at, Found link) {
  StoreLink(links.ids[at], link.node);
  links.distances[at] = link.distance;
}

// Adds a link to `row`'s list. A full list is pruned by the heuristic, as far as the new link is
// concerned: it is not taken where a nearer link dominates it; those that it dominates go; and
// where nothing went, the longest.
void GraphLinker::AddLink(uint32_t row, Found link, uint32_t level, Scratch& scratch) {
  const RowLock lock(locks_[row]);
  const Links links = LinksOf(row, level);
  uint32_t count = *links.count;
  if (std::find(links.ids, links.ids + count, link.node) != links.ids + count) return;
  if (count < links.capacity) {
    Put(links, count, link);
    *links.count = static_cast<uint8_t>(count + 1);
    return;
  }
  rows_.coder->Distances(Code(link.node), rows_.codes, links.ids, count, scratch.distances.data());
  for (uint32_t i = 0; i < count; ++i) {
    if (links.distances[i] <= link.distance && scratch.distances[i] < link.distance) return;
  }
  uint32_t kept = 0;
  uint32_t longest = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const Found other = {links.distances[i], links.ids[i]};
    if (other.distance > link.distance && scratch.distances[i] < other.distance) continue;
    Put(links, kept, other);
    if (other.distance > links.distances[longest]) longest = kept;
    ++kept;
  }
  if (kept < count) {
    Put(links, kept, link);
    for (uint32_t i = kept + 1; i < count; ++i) StoreLink(links.ids[i], row);
    *links.count = static_cast<uint8_t>(kept + 1);
  } else if (link.distance < links.distances[longest]) {
    Put(links, longest, link);
  }
}

}  // namespace kith::index
