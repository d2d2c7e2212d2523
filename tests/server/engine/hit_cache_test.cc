#include "server/engine/hit_cache.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace kith::engine {
namespace {

std::shared_ptr<const StoredHit> Hit(const std::string& id, size_t metadata_bytes = 0) {
  StoredHit hit;
  hit.passage.set_document_id(id);
  hit.document.set_sequence(7);
  hit.passage.set_heading_path(std::string(metadata_bytes, 'x'));
  return std::make_shared<const StoredHit>(std::move(hit));
}

TEST(HitCacheTest, AnEntryIsFoundUnderItsShardOrdinalAndStampAlone) {
  HitCache cache(1 << 20);
  cache.Insert({1, 0, 10}, Hit("a"));
  ASSERT_NE(cache.Find({1, 0, 10}), nullptr);
  EXPECT_EQ(cache.Find({1, 0, 10})->passage.document_id(), "a");
  EXPECT_EQ(cache.Find({2, 0, 10}), nullptr);
  EXPECT_EQ(cache.Find({1, 0, 11}), nullptr);
  EXPECT_EQ(cache.Find({1, 1, 10}), nullptr);
  EXPECT_EQ(cache.Find({1, 0, 10, 7}), nullptr);
  cache.Insert({1, 0, 10, 7}, Hit("a with other metadata"));
  EXPECT_EQ(cache.Find({1, 0, 10})->passage.document_id(), "a");
  EXPECT_EQ(cache.Find({1, 0, 10, 7})->passage.document_id(), "a with other metadata");
}

TEST(HitCacheTest, TheFirstOfTwoInsertsStays) {
  HitCache cache(1 << 20);
  cache.Insert({1, 0, 10}, Hit("a"));
  cache.Insert({1, 0, 10}, Hit("b"));
  EXPECT_EQ(cache.Find({1, 0, 10})->passage.document_id(), "a");
}

TEST(HitCacheTest, TheLongestUnusedGoFirstAndWhoHoldsOneKeepsIt) {
  // All on one stripe: every sixteenth ordinal. Entry 0 is used all the time, entry 16 never.
  HitCache cache(64 << 10);
  cache.Insert({1, 0, 0}, Hit("used"));
  cache.Insert({1, 0, 16}, Hit("forgotten"));
  const auto held = Hit("held");
  cache.Insert({1, 0, 32}, held);
  for (uint64_t ordinal = 48; ordinal < 4'800; ordinal += 16) {
    cache.Insert({1, 0, ordinal}, Hit("later"));
    ASSERT_NE(cache.Find({1, 0, 0}), nullptr) << ordinal;
  }
  EXPECT_EQ(cache.Find({1, 0, 16}), nullptr);
  EXPECT_EQ(cache.Find({1, 0, 32}), nullptr);
  EXPECT_EQ(held->passage.document_id(), "held");
  EXPECT_NE(cache.Find({1, 0, 4'784}), nullptr);
}

TEST(HitCacheTest, RowsTooLargeAreNotKept) {
  HitCache cache(16 << 20);
  cache.Insert({1, 0, 10}, Hit("large", 64 << 10));
  EXPECT_EQ(cache.Find({1, 0, 10}), nullptr);
  HitCache none(0);
  none.Insert({1, 0, 10}, Hit("a"));
  EXPECT_EQ(none.Find({1, 0, 10}), nullptr);
}

}  // namespace
}  // namespace kith::engine
