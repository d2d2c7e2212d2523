#include "index/graph/graph.h"

#include <cstring>

#include "index/graph/graph_image.h"
#include "kith/base/error.h"

namespace kith::index {
namespace {

using graph_image::Header;
using graph_image::Layout;
using graph_image::LevelEntry;

template <typename... Args>
absl::Status Damaged(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption, "graph: {}",
               fmt::format(format, std::forward<Args>(args)...));
}

// The greatest of `count` numbers, in a form that compilers turn into vector code.
uint32_t Greatest(const uint32_t* numbers, uint64_t count) {
  uint32_t greatest = 0;
  for (uint64_t i = 0; i < count; ++i) greatest = numbers[i] > greatest ? numbers[i] : greatest;
  return greatest;
}

absl::Status CheckHeader(const Header& header, uint64_t image_bytes) {
  if (header.magic != graph_image::kMagic) return Damaged("no graph: magic {:016x}", header.magic);
  if (header.version != graph_image::kVersion) {
    return Damaged("version {}, this program reads {}", header.version, graph_image::kVersion);
  }
  if (header.nodes > Graph::kMaxNodes || header.degree < 1 || header.degree > Graph::kMaxDegree ||
      header.upper_degree < 1 || header.upper_degree > Graph::kMaxDegree ||
      header.levels > Graph::kMaxLevels) {
    return Damaged("{} nodes, degrees {} and {}, {} levels: out of range", header.nodes,
                   header.degree, header.upper_degree, header.levels);
  }
  if (header.size_bytes > image_bytes) {
    return Damaged("{} bytes expected, {} there", header.size_bytes, image_bytes);
  }
  return absl::OkStatus();
}

absl::Status CheckPermutation(std::span<const uint32_t> slots) {
  std::vector<bool> seen(slots.size());
  for (size_t node = 0; node < slots.size(); ++node) {
    const uint32_t slot = slots[node];
    if (slot >= slots.size() || seen[slot]) {
      return Damaged("slot {} of node {} is not below {}, or is there twice", slot, node,
                     slots.size());
    }
    seen[slot] = true;
  }
  return absl::OkStatus();
}

// `below` is the level under it, null for level 0, which has `below_count` nodes.
absl::Status CheckLevel(const Graph::Level& level, uint32_t number, uint32_t upper_degree,
                        const Graph::Level* below, uint32_t below_count) {
  if (Greatest(level.neighbours, uint64_t{level.count} * upper_degree) >= level.count) {
    return Damaged("level {}: a neighbour is not below {}", number, level.count);
  }
  for (uint32_t i = 0; i < level.count; ++i) {
    const uint32_t down = level.down[i];
    if (down >= below_count || level.node[i] != (below == nullptr ? down : below->node[down])) {
      return Damaged("level {}: node {} is {} of {} below and node {}", number, i, down,
                     below_count, level.node[i]);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Graph> Graph::Parse(std::span<const std::byte> image) {
  Header header;
  if (image.size() < sizeof(header)) {
    return Damaged("{} bytes, {} at least", image.size(), sizeof(header));
  }
  std::memcpy(&header, image.data(), sizeof(header));
  if (absl::Status status = CheckHeader(header, image.size()); !status.ok()) return status;
  const Layout layout(header.nodes, header.degree, header.levels);
  if (layout.first_level > header.size_bytes) {
    return Damaged("{} nodes need {} bytes, {} there", header.nodes, layout.first_level,
                   header.size_bytes);
  }

  Graph graph;
  graph.nodes_ = header.nodes;
  graph.degree_ = header.degree;
  graph.upper_degree_ = header.upper_degree;
  graph.entry_ = header.entry;
  graph.size_bytes_ = header.size_bytes;
  graph.level0_ = reinterpret_cast<const uint32_t*>(image.data() + layout.level0);
  graph.slot_of_node_ = reinterpret_cast<const uint32_t*>(image.data() + layout.slot_of_node);
  if (graph.nodes_ > 0 &&
      Greatest(graph.level0_, uint64_t{graph.nodes_} * graph.degree_) >= graph.nodes_) {
    return Damaged("a neighbour is not below {}", graph.nodes_);
  }
  if (absl::Status status = CheckPermutation(graph.slot_of_node()); !status.ok()) return status;

  uint32_t below_count = graph.nodes_;
  graph.levels_.reserve(header.levels);
  for (uint32_t l = 0; l < header.levels; ++l) {
    LevelEntry entry;
    std::memcpy(&entry, image.data() + sizeof(Header) + l * sizeof(LevelEntry), sizeof(entry));
    const uint64_t offset = uint64_t{entry.offset} * graph_image::kAlignment;
    const uint64_t size = graph_image::LevelBytes(entry.count, graph.upper_degree_);
    if (entry.count < 1 || entry.count > below_count || offset < layout.first_level ||
        offset + size > header.size_bytes) {
      return Damaged("level {}: {} nodes over {} at {}: outside the {} bytes", l + 1, entry.count,
                     below_count, offset, header.size_bytes);
    }
    const auto* section = reinterpret_cast<const uint32_t*>(image.data() + offset);
    const Level level = {entry.count, section, section + entry.count,
                         section + 2 * uint64_t{entry.count}};
    const Level* below = l == 0 ? nullptr : &graph.levels_.back();
    if (absl::Status status = CheckLevel(level, l + 1, graph.upper_degree_, below, below_count);
        !status.ok()) {
      return status;
    }
    graph.levels_.push_back(level);
    below_count = entry.count;
  }
  if (graph.nodes_ > 0 && graph.entry_ >= below_count) {
    return Damaged("entry {} of {} nodes on the highest level", graph.entry_, below_count);
  }
  return graph;
}

}  // namespace kith::index
