#include "index/delete_set.h"

#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace kith::index {
namespace {

TEST(DeleteSetTest, EmptyTakesNothingAndContainsNothing) {
  const DeleteSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.count(), 0u);
  EXPECT_EQ(set.memory_bytes(), 0u);
  EXPECT_FALSE(set.Contains(0));
  EXPECT_FALSE(set.Contains(1u << 31));
  EXPECT_TRUE(set.With({}).empty());
}

TEST(DeleteSetTest, AgreesWithStdSetAndNeverChangesOlderSets) {
  constexpr uint64_t kSeed = 11;
  std::mt19937_64 random(kSeed);
  std::vector<DeleteSet> sets = {{}};
  std::vector<std::set<uint32_t>> oracles = {{}};
  for (int step = 0; step < 60; ++step) {
    std::vector<uint32_t> slots(random() % 40);
    for (uint32_t& slot : slots) slot = static_cast<uint32_t>(random() % 20000);
    if (!slots.empty()) slots.push_back(slots.front());
    sets.push_back(sets.back().With(slots));
    oracles.push_back(oracles.back());
    oracles.back().insert(slots.begin(), slots.end());
  }
  for (size_t i = 0; i < sets.size(); ++i) {
    ASSERT_EQ(sets[i].count(), oracles[i].size()) << "seed " << kSeed;
    for (uint32_t slot = 0; slot < 20100; ++slot) {
      ASSERT_EQ(sets[i].Contains(slot), oracles[i].contains(slot)) << i << " " << slot;
    }
  }
}

TEST(DeleteSetTest, PagesThatNothingWasDeletedFromTakeNoMemory) {
  const std::vector<uint32_t> far = {10 * DeleteSet::kPageBits};
  EXPECT_LT(DeleteSet().With(far).memory_bytes(), 2 * DeleteSet::kPageBits / 8);
}

}  // namespace
}  // namespace kith::index
