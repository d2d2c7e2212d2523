// VisitedSet: which nodes a walk has met. A byte a node that holds the number of the walk which met
// it last, so that emptying the set costs nothing but every 255th time. Internal to index/graph/.

#ifndef KITH_INDEX_GRAPH_VISITED_SET_H_
#define KITH_INDEX_GRAPH_VISITED_SET_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace kith::index {

class VisitedSet {
 public:
  // Empties the set and makes room for nodes below `nodes`.
  void Reset(uint32_t nodes) {
    epoch_ += 1;
    if (epochs_.size() < nodes) epochs_.resize(nodes);
    if (epoch_ == 0) {
      std::fill(epochs_.begin(), epochs_.end(), 0);
      epoch_ = 1;
    }
  }

  // Puts the node in; false when it was in.
  bool Insert(uint32_t node) {
    const bool fresh = epochs_[node] != epoch_;
    epochs_[node] = epoch_;
    return fresh;
  }

 private:
  std::vector<uint8_t> epochs_;
  uint8_t epoch_ = 0;
};

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_VISITED_SET_H_
