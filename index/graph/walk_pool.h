// WalkPool: the nearest nodes that a walk has met, sorted, and which of them it has expanded.
// Internal to index/graph/.
//
// An array kept sorted beats a pair of heaps here: pools are short (tens to hundreds), most pushes
// are refused by one comparison with bound(), and the next node to expand is found by moving a
// cursor. The flag "expanded" is the highest bit of a node's number.

#ifndef KITH_INDEX_GRAPH_WALK_POOL_H_
#define KITH_INDEX_GRAPH_WALK_POOL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

namespace kith::index {

struct AllNodes;

class WalkPool {
 public:
  struct Found {
    float distance;
    uint32_t node;
  };

  // Empties the pool, which is to hold `ef` allowed nodes.
  void Reset(uint32_t ef) {
    ef_ = ef;
    // Refused nodes take places too. Where there are more of them than this, the farthest go.
    capacity_ = size_t{kRefusedPerAllowed} * ef + kMoreRefused;
    if (items_.size() < capacity_ + 1) items_.resize(capacity_ + 1);
    size_ = allowed_ = cursor_ = 0;
    crowded_ = false;
    bound_ = std::numeric_limits<float>::infinity();
  }

  // It holds as many allowed nodes as it is to hold.
  bool full() const { return size_ >= ef_; }

  // Nothing that is not nearer needs to be pushed.
  float bound() const { return bound_; }

  // REQUIRES: item.distance < bound(); the node was not pushed before.
  template <typename Allow>
  void Push(Found item, const Allow& allow) {
    Found* const begin = items_.data();
    const size_t at = PlaceOf(item.distance);
    std::memmove(begin + at + 1, begin + at, (size_ - at) * sizeof(Found));
    begin[at] = item;
    ++size_;
    cursor_ = std::min(cursor_, at);
    if constexpr (std::is_same_v<Allow, AllNodes>) {
      if (size_ >= ef_) {
        size_ = ef_;
        bound_ = begin[ef_ - 1].distance;
      }
    } else {
      if (allow(item.node)) ++allowed_;
      Shrink(allow);
    }
  }

  bool HasUnexpanded() {
    while (cursor_ < size_ && (items_[cursor_].node & kExpanded) != 0) ++cursor_;
    return cursor_ < size_;
  }

  // REQUIRES: HasUnexpanded() was called, and true, since the last change.
  uint32_t PeekNearest() const { return items_[cursor_].node; }
  float NearestDistance() const { return items_[cursor_].distance; }
  uint32_t TakeNearest() {
    const uint32_t node = items_[cursor_].node;
    items_[cursor_].node = node | kExpanded;
    return node;
  }

  // Refused nodes took all the room, and what lay farther was dropped.
  bool crowded() const { return crowded_; }

  // The allowed ones, nearest first. The pool is spent.
  template <typename Allow>
  std::span<const Found> Finish(const Allow& allow) {
    size_t kept = 0;
    for (size_t i = 0; i < size_; ++i) {
      const Found found = {items_[i].distance, items_[i].node & ~kExpanded};
      if (allow(found.node)) items_[kept++] = found;
    }
    return {items_.data(), std::min<size_t>(kept, ef_)};
  }

 private:
  // Behind all that are not farther. Without branches that depend on distances, which no processor
  // could foresee.
  size_t PlaceOf(float distance) const {
    if (size_ == 0) return 0;
    const Found* place = items_.data();
    for (size_t length = size_; length > 1;) {
      const size_t half = length / 2;
      place += place[half - 1].distance <= distance ? half : 0;
      length -= half;
    }
    return static_cast<size_t>(place - items_.data()) + (place->distance <= distance ? 1 : 0);
  }

  static constexpr uint32_t kExpanded = uint32_t{1} << 31;
  static constexpr uint32_t kRefusedPerAllowed = 4;
  static constexpr uint32_t kMoreRefused = 256;

  // Drops what lies beyond the ef-th allowed node, or beyond the room there is.
  template <typename Allow>
  void Shrink(const Allow& allow) {
    const auto last_is_allowed = [&] { return allow(items_[size_ - 1].node & ~kExpanded); };
    if (size_ > capacity_) {
      if (last_is_allowed()) --allowed_;
      --size_;
      crowded_ = true;
    }
    if (allowed_ > ef_) {
      while (!last_is_allowed()) --size_;
      --size_;
      --allowed_;
    }
    if (allowed_ == ef_) {
      while (!last_is_allowed()) --size_;
    }
    if (allowed_ == ef_ || size_ == capacity_) bound_ = items_[size_ - 1].distance;
  }

  size_t ef_ = 0;
  size_t capacity_ = 0;
  size_t size_ = 0;
  size_t allowed_ = 0;  // counted where some are refused
  size_t cursor_ = 0;   // nothing below it is unexpanded
  bool crowded_ = false;
  float bound_ = 0;
  std::vector<Found> items_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_WALK_POOL_H_
