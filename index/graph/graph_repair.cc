// LinkUnreachable: no row may be lost to walks.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "index/codes/build_codes.h"
#include "index/graph/graph_draft.h"

namespace kith::index {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

// How LinkUnreachable sees the draft: a tree of paths from the entry, and what hangs outside.
class Reach {
 public:
  Reach(const BuildRows& rows, GraphDraft& draft)
      : rows_(rows), draft_(draft), parent_(draft.rows, kNone) {}

  uint32_t Repair() {
    Take(draft_.entry, draft_.entry);
    std::vector<uint32_t> outside;
    for (uint32_t row = 0; row < draft_.rows; ++row) {
      if (!Reached(row)) outside.push_back(row);
    }
    uint32_t links_set = 0;
    // First those that themselves link into what is reached: their neighbour is a good place for
    // the link back. It opens the way for others; so over again while that goes on.
    for (bool again = true; again;) {
      again = false;
      for (uint32_t row : outside) {
        if (Reached(row)) continue;
        for (uint32_t from : std::span(draft_.Links(row), draft_.degree())) {
          if (!Reached(from) || !LinkFrom(from, row)) continue;
          ++links_set;
          again = true;
          break;
        }
      }
      if (!again) again = LinkIsland(outside, links_set);
    }
    return links_set;
  }

 private:
  bool Reached(uint32_t row) const { return parent_[row] != kNone; }

  // Takes `row`, and all that it leads to, into the tree.
  void Take(uint32_t row, uint32_t parent) {
    parent_[row] = parent;
    queue_.assign(1, row);
    for (size_t i = 0; i < queue_.size(); ++i) {
      for (uint32_t to : std::span(draft_.Links(queue_[i]), draft_.degree())) {
        if (Reached(to)) continue;
        parent_[to] = queue_[i];
        queue_.push_back(to);
      }
    }
  }

  // In the last place of `from` that holds nothing or a link outside the tree. Lists begin with
  // what is nearest, so that the last is missed least.
  bool LinkFrom(uint32_t from, uint32_t row) {
    const std::span<uint32_t> links(draft_.Links(from), draft_.degree());
    for (size_t i = links.size(); i-- > 0;) {
      if (parent_[links[i]] == from && links[i] != from) continue;
      links[i] = row;
      Take(row, from);
      return true;
    }
    return false;
  }

  // Links the first row that is still outside from the nearest of some rows inside.
  bool LinkIsland(const std::vector<uint32_t>& outside, uint32_t& links_set) {
    constexpr uint32_t kTried = 1024;
    while (next_outside_ < outside.size() && Reached(outside[next_outside_])) ++next_outside_;
    if (next_outside_ == outside.size()) return false;
    const uint32_t row = outside[next_outside_];
    const size_t row_bytes = rows_.coder->row_bytes();
    std::vector<std::pair<float, uint32_t>> inside;
    const uint32_t step = draft_.rows / kTried + 1;
    for (uint32_t from = 0; from < draft_.rows; from += step) {
      if (!Reached(from)) continue;
      inside.emplace_back(
          rows_.coder->Distance(rows_.codes + row * row_bytes, rows_.codes + from * row_bytes),
          from);
    }
    std::sort(inside.begin(), inside.end());
    // A tree of n nodes has n - 1 links, so most rows have a place left; one of all rows does.
    for (const auto& [distance, from] : inside) {
      if (LinkFrom(from, row)) return ++links_set, true;
    }
    for (uint32_t from = 0; from < draft_.rows; ++from) {
      if (Reached(from) && LinkFrom(from, row)) return ++links_set, true;
    }
    return false;
  }

  const BuildRows& rows_;
  GraphDraft& draft_;
  std::vector<uint32_t> parent_;  // kNone: not reached
  std::vector<uint32_t> queue_;
  size_t next_outside_ = 0;
};

}  // namespace

uint32_t LinkUnreachable(const BuildRows& rows, GraphDraft& draft) {
  return draft.rows == 0 ? 0 : Reach(rows, draft).Repair();
}

}  // namespace kith::index
