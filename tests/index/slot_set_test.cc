#include "index/slot_set.h"

#include <random>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "index/delete_set.h"

namespace kith::index {
namespace {

std::vector<uint32_t> Visited(const SlotSet& set) {
  std::vector<uint32_t> slots;
  set.ForEach([&](uint32_t slot) { slots.push_back(slot); });
  return slots;
}

std::vector<uint32_t> Walked(const SlotSet& set) {
  std::vector<uint32_t> slots;
  for (uint32_t s = set.NextAllowed(0); s < set.size(); s = set.NextAllowed(s + 1)) {
    slots.push_back(s);
  }
  return slots;
}

TEST(SlotSetTest, AgreesWithStdSetAtEverySizeAroundAWord) {
  constexpr uint64_t kSeed = 5;
  std::mt19937_64 random(kSeed);
  for (const uint32_t size : {1u, 2u, 63u, 64u, 65u, 127u, 128u, 129u, 4096u, 10'001u}) {
    for (const uint32_t wanted : {0u, 1u, size / 100, size / 2, size}) {
      std::vector<uint32_t> slots(wanted);
      for (uint32_t& slot : slots) slot = static_cast<uint32_t>(random() % size);
      const std::set<uint32_t> oracle(slots.begin(), slots.end());
      const SlotSet set = SlotSet::Of(size, slots);

      ASSERT_EQ(set.size(), size) << "seed " << kSeed;
      ASSERT_EQ(set.count(), oracle.size());
      ASSERT_EQ(set.empty(), oracle.empty());
      for (uint32_t slot = 0; slot < size; ++slot) {
        ASSERT_EQ(set.Contains(slot), oracle.contains(slot)) << slot << " of " << size;
      }
      const std::vector<uint32_t> expected(oracle.begin(), oracle.end());
      ASSERT_EQ(Visited(set), expected);
      ASSERT_EQ(Walked(set), expected);
    }
  }
}

TEST(SlotSetTest, AllHasEverySlotAndNoneHasNone) {
  for (const uint32_t size : {0u, 1u, 63u, 64u, 65u, 1000u}) {
    EXPECT_EQ(SlotSet::All(size).count(), size);
    EXPECT_EQ(Visited(SlotSet::All(size)).size(), size);
    EXPECT_EQ(SlotSet::None(size).count(), 0u);
    EXPECT_EQ(SlotSet::None(size).NextAllowed(0), size);
    EXPECT_EQ(SlotSet::All(size).NextAllowed(size), size);
  }
}

TEST(SlotSetTest, AndNotTakesTheDeletedOutAndLeavesTheSetAsItWas) {
  constexpr uint64_t kSeed = 6;
  std::mt19937_64 random(kSeed);
  constexpr uint32_t kSize = 9000;
  std::vector<uint32_t> deleted(2000);
  // Some are of rows that came later than the set.
  for (uint32_t& slot : deleted) slot = static_cast<uint32_t>(random() % (kSize + 500));
  const DeleteSet deletes = DeleteSet().With(deleted);
  const SlotSet all = SlotSet::All(kSize);
  const SlotSet live = all.AndNot(deletes);
  EXPECT_EQ(all.count(), kSize);
  uint32_t expected = 0;
  for (uint32_t slot = 0; slot < kSize; ++slot) {
    ASSERT_EQ(live.Contains(slot), !deletes.Contains(slot)) << slot << " seed " << kSeed;
    expected += deletes.Contains(slot) ? 0 : 1;
  }
  EXPECT_EQ(live.count(), expected);
  EXPECT_EQ(all.AndNot(DeleteSet()), all);
}

TEST(SlotSetTest, AMovedFromSetIsThatOfNoSlots) {
  SlotSet from = SlotSet::All(100);
  const SlotSet to = std::move(from);
  EXPECT_EQ(to.count(), 100u);
  EXPECT_EQ(from.size(), 0u);  // NOLINT: that it is so is what is tested
  EXPECT_EQ(from.count(), 0u);
  EXPECT_EQ(from.NextAllowed(0), 0u);
}

}  // namespace
}  // namespace kith::index
