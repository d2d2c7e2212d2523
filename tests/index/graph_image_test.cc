#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "index/graph/graph_builder.h"
#include "index/graph/graph_walk.h"
#include "tests/index/graph_data.h"

namespace kith::index {
namespace {

// A copy of an image that may be damaged, of exactly its size so that ASan sees a read beyond it.
class Image {
 public:
  explicit Image(std::span<const std::byte> bytes)
      : size_(bytes.size()),
        memory_(static_cast<std::byte*>(std::aligned_alloc(64, (size_ + 63) / 64 * 64 + 64))) {
    std::memcpy(memory_, bytes.data(), size_);
  }
  ~Image() { std::free(memory_); }
  Image(const Image&) = delete;

  std::span<std::byte> bytes() { return {memory_, size_}; }

 private:
  const size_t size_;
  std::byte* memory_;
};

class GraphImageTest : public testing::Test {
 protected:
  GraphImageTest()
      : rows_(CodedRows::Make(Metric::kL2, Family::kGaussian, 6, 300, 11)),
        built_(
            *BuildGraph(rows_.build_rows(), {.m = 4, .ef_construction = 20}, Call::Background())) {}

  // A graph that Parse took is safe to walk, whatever it finds.
  void ParseAndWalk(std::span<const std::byte> bytes) {
    const auto graph = Graph::Parse(bytes);
    if (!graph.ok()) {
      EXPECT_EQ(graph.status().code(), absl::StatusCode::kDataLoss) << graph.status();
      return;
    }
    const auto score = [&](const uint32_t* nodes, size_t count, float* distances) {
      for (size_t i = 0; i < count; ++i) {
        ASSERT_LT(nodes[i], graph->nodes());
        ASSERT_LT(graph->slot(nodes[i]), graph->nodes());
        distances[i] = static_cast<float>(graph->slot(nodes[i]) % 97);
      }
    };
    ASSERT_TRUE(walk_.Run(*graph, score, {.ef = 400}, AllNodes{}, Call::Background()).ok());
  }

  CodedRows rows_;
  BuiltGraph built_;
  GraphWalk walk_;
};

TEST_F(GraphImageTest, AnImageReadsBackAsTheGraphItIs) {
  Image image(built_.image.bytes());
  const auto graph = Graph::Parse(image.bytes());
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(graph->nodes(), 300u);
  EXPECT_EQ(graph->degree(), 8u);
  EXPECT_EQ(graph->size_bytes(), built_.graph.size_bytes());
  ASSERT_GE(graph->levels().size(), 1u) << "300 rows with m 4 should have upper levels";
  for (uint32_t node = 0; node < 300; ++node) {
    ASSERT_EQ(graph->slot(node), built_.graph.slot(node));
  }
}

TEST_F(GraphImageTest, AnImageCutAnywhereIsRefused) {
  for (size_t size = 0; size < built_.image.size_bytes(); size += size < 256 ? 1 : 61) {
    Image image(built_.image.bytes().first(size));
    EXPECT_EQ(Graph::Parse(image.bytes()).status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST_F(GraphImageTest, NumbersThatLeadOutsideAreRefused) {
  // Every number of every section, made too large: none may be taken, except padding.
  size_t refused = 0;
  const size_t numbers = built_.image.size_bytes() / 4;
  for (size_t i = 0; i < numbers; ++i) {
    Image image(built_.image.bytes());
    const uint32_t bad = 0xfffffff0;
    std::memcpy(image.bytes().data() + 4 * i, &bad, 4);
    ParseAndWalk(image.bytes());
    refused += !Graph::Parse(image.bytes()).ok();
  }
  const size_t used = 300 * (8 + 1) + built_.graph.levels()[0].count * (4 + 2);
  EXPECT_GE(refused, used);
}

TEST_F(GraphImageTest, RandomDamageIsRefusedOrHarmless) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 3000; ++round) {
    Image image(built_.image.bytes());
    const std::span<std::byte> bytes = image.bytes();
    // The header and the level table in half of the rounds: they are small and matter most.
    const size_t end = round % 2 == 0 ? 160 : bytes.size();
    for (uint64_t i = random() % 4 + 1; i > 0; --i) bytes[random() % end] = std::byte(random());
    ParseAndWalk(bytes);
  }
}

}  // namespace
}  // namespace kith::index
