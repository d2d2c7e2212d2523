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
  bool Insert(uint32_t node) { return InsertAll(&node, 1, &node) == 1; }

  // Puts all nodes in, and writes those that were not in to `fresh`, whose length it returns.
  // `fresh` has room for all of them and may be `nodes`. Marks and epoch stand in registers: bytes
  // may alias anything, and would be read anew for every node.
  uint32_t InsertAll(const uint32_t* nodes, uint32_t count, uint32_t* fresh) {
    uint8_t* const marks = epochs_.data();
    const uint8_t epoch = epoch_;
    uint32_t fresh_count = 0;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t node = nodes[i];
      fresh[fresh_count] = node;
      fresh_count += marks[node] != epoch ? 1 : 0;
      marks[node] = epoch;
    }
    return fresh_count;
  }

 private:
  std::vector<uint8_t> epochs_;
  uint8_t epoch_ = 0;
};

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_VISITED_SET_H_
