// Graph: a frozen HNSW graph (Malkov & Yashunin 2018), made for reading. Sealed segments own its
// bytes, GraphWalk walks it, graph_builder.h makes it.
//
// It is a view of one contiguous image that holds no pointer, so it is written to a file and read
// back as it stands. All numbers are little-endian; every section begins at a multiple of 64:
//
//   header        64 bytes: magic, version, nodes, degree, upper degree, levels, entry, image size
//   level table   16 bytes a level above 0, from level 1 upwards: count, offset / 64 of its section
//   level 0       [nodes][degree] u32: the neighbours of each node
//   slot_of_node  [nodes] u32: a permutation of 0..nodes-1
//   a level       [count] u32 down | [count] u32 node | [count][upper_degree] u32 neighbours
//
// A node is a row's place in the graph, and in the codes that are laid out beside it: nodes are
// numbered breadth first from the entry, so that nodes that are read together lie together.
// `slot_of_node` leads back to the segment's own order. On a level above 0, nodes are numbered anew
// (0..count-1): `down` gives a node's number one level below, `node` its number on level 0.
// Neighbour lists have a fixed length; a list that has fewer neighbours is filled up with the
// node's own number, which a walk has visited already, so that no walk needs a count.
//
// Immutable, cheap to copy, thread-safe. The image must outlive it.

#ifndef KITH_INDEX_GRAPH_GRAPH_H_
#define KITH_INDEX_GRAPH_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace kith::index {

class Graph {
 public:
  // The pool of a walk keeps a flag in the highest bit of a node's number.
  static constexpr uint32_t kMaxNodes = (uint32_t{1} << 31) - 1;
  static constexpr uint32_t kMaxDegree = 256;
  static constexpr uint32_t kMaxLevels = 32;

  // A level above 0. `neighbours` are numbers of this level.
  struct Level {
    uint32_t count = 0;
    const uint32_t* down = nullptr;        // [count]: number one level below
    const uint32_t* node = nullptr;        // [count]: number on level 0
    const uint32_t* neighbours = nullptr;  // [count][upper_degree()]
  };

  // An empty graph: no nodes.
  Graph() = default;

  // Looks at every number in the image, which may come from a damaged or hostile file: sizes and
  // sections fit, every neighbour is in range, `down` and `node` agree, slot_of_node is a
  // permutation. DATA_LOSS (CORRUPTION) with the numbers otherwise. REQUIRES: image.data() is
  // aligned to 64 unless empty. `image` may be longer than the graph: see size_bytes().
  static absl::StatusOr<Graph> Parse(std::span<const std::byte> image);

  uint32_t nodes() const { return nodes_; }
  uint32_t degree() const { return degree_; }
  uint32_t upper_degree() const { return upper_degree_; }
  size_t size_bytes() const { return size_bytes_; }

  // The number, on the highest level, of the node where every walk begins.
  uint32_t entry() const { return entry_; }
  std::span<const Level> levels() const { return levels_; }  // levels()[0] is level 1

  const uint32_t* neighbours(uint32_t node) const { return level0_ + size_t{node} * degree_; }
  uint32_t slot(uint32_t node) const { return slot_of_node_[node]; }
  std::span<const uint32_t> slot_of_node() const { return {slot_of_node_, nodes_}; }

 private:
  uint32_t nodes_ = 0;
  uint32_t degree_ = 0;
  uint32_t upper_degree_ = 0;
  uint32_t entry_ = 0;
  size_t size_bytes_ = 0;
  const uint32_t* level0_ = nullptr;
  const uint32_t* slot_of_node_ = nullptr;
  std::vector<Level> levels_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_GRAPH_GRAPH_H_
