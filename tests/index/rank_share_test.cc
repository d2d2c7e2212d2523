#include "index/rank_share.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace kith::index {
namespace {

TEST(RankShareTest, OneSegmentIsAskedForAll) {
  for (const uint32_t k : {1u, 10u, 10000u}) {
    EXPECT_EQ(RankShareOf(k, 500, 500).expected, k);
    EXPECT_EQ(RankShareOf(k, 0, 0).most, k);
  }
}

TEST(RankShareTest, APartIsAskedForOneAtLeastAndKAtMostAndForMoreTheLargerItIs) {
  for (const uint32_t k : {1u, 2u, 10u, 100u, 10000u}) {
    RankShare before = {1, 1, 0};
    for (uint64_t rows = 0; rows <= 1000; ++rows) {
      const RankShare asked = RankShareOf(k, rows, 1000);
      EXPECT_GE(asked.most, before.most) << k << " " << rows;
      EXPECT_GE(asked.expected, before.expected) << k << " " << rows;
      EXPECT_LE(asked.expected, asked.most) << k << " " << rows;
      EXPECT_LE(asked.most, k);
      before = asked;
    }
    EXPECT_EQ(before.expected, k);
  }
}

// What must not happen often, since then a segment is searched twice; and the parts together are
// asked for all.
TEST(RankShareTest, PartsOfRowsInAnyOrderSeldomHoldAsManyAsTheyAreAskedFor) {
  constexpr uint64_t kSeed = 7;
  std::mt19937_64 random(kSeed);
  for (const uint32_t k : {10u, 100u}) {
    for (const std::vector<uint64_t>& sizes :
         {std::vector<uint64_t>{500, 500}, {100, 100, 100, 100, 100}, {900, 20, 20, 20, 20, 20}}) {
      uint64_t all = 0;
      uint64_t asked = 0;
      for (const uint64_t rows : sizes) all += rows;
      for (const uint64_t rows : sizes) asked += RankShareOf(k, rows, all).most;
      EXPECT_GE(asked, k);
      std::discrete_distribution<size_t> pick(sizes.begin(), sizes.end());
      int full = 0;
      constexpr int kDraws = 2000;
      for (int draw = 0; draw < kDraws; ++draw) {
        std::vector<uint32_t> held(sizes.size());
        for (uint32_t i = 0; i < k; ++i) ++held[pick(random)];
        for (size_t s = 0; s < sizes.size(); ++s) {
          const uint32_t most = RankShareOf(k, sizes[s], all).most;
          full += most < k && held[s] >= most;
        }
      }
      EXPECT_LE(full, kDraws * static_cast<int>(sizes.size()) / 25) << k << " seed " << kSeed;
    }
  }
}

}  // namespace
}  // namespace kith::index
