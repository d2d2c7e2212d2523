// The bytes of a Graph: the numbers that its reader and its writer share. Internal to index/graph/.

#ifndef KITH_INDEX_GRAPH_GRAPH_IMAGE_H_
#define KITH_INDEX_GRAPH_GRAPH_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace kith::index::graph_image {

inline constexpr uint64_t kMagic = 0x48505247'4854494b;  // "KITHGRPH" as little-endian bytes
inline constexpr uint32_t kVersion = 1;
inline constexpr size_t kAlignment = 64;

// Fields are little-endian; every machine that Kith runs on is.
struct Header {
  uint64_t magic;
  uint32_t version;
  uint32_t nodes;
  uint32_t degree;
  uint32_t upper_degree;
  uint32_t levels;  // above level 0
  uint32_t entry;
  uint64_t size_bytes;
  uint64_t zero[3];
};
static_assert(sizeof(Header) == 64);

struct LevelEntry {
  uint32_t count;
  uint32_t offset;  // of the level's section, in units of kAlignment
  uint64_t zero;
};
static_assert(sizeof(LevelEntry) == 16);

constexpr uint64_t Aligned(uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Where the sections of an image lie, by its counts. 64 bits hold every sum: counts have 32.
struct Layout {
  uint64_t level0;
  uint64_t slot_of_node;
  uint64_t first_level;

  constexpr Layout(uint64_t nodes, uint64_t degree, uint64_t levels)
      : level0(Aligned(sizeof(Header) + levels * sizeof(LevelEntry))),
        slot_of_node(level0 + Aligned(nodes * degree * sizeof(uint32_t))),
        first_level(slot_of_node + Aligned(nodes * sizeof(uint32_t))) {}
};

constexpr uint64_t LevelBytes(uint64_t count, uint64_t upper_degree) {
  return Aligned(count * (upper_degree + 2) * sizeof(uint32_t));
}

}  // namespace kith::index::graph_image

#endif  // KITH_INDEX_GRAPH_GRAPH_IMAGE_H_
