#include "server/engine/query_cache.h"

#include <string>

#include "gtest/gtest.h"

namespace kith::engine {
namespace {

std::shared_ptr<const QueryCache::Embedded> Embedding(float value, size_t dimension = 64) {
  return std::make_shared<const QueryCache::Embedded>(
      QueryCache::Embedded{std::vector<float>(dimension, value), 7, 2});
}

encoder::EncoderInfo Model(const std::string& space, const std::string& prompt = "") {
  encoder::EncoderInfo info;
  info.space_hash = space;
  info.precision = "float32";
  info.query_prompt = prompt;
  return info;
}

TEST(QueryCacheTest, GivesBackWhatWasPutInAndCounts) {
  QueryCache cache(1 << 20);
  const std::string key = QueryCache::KeyOf(Model("s"), "what is it?");
  EXPECT_EQ(cache.Find(key), nullptr);
  cache.Insert(key, Embedding(0.5));
  const auto found = cache.Find(key);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->values, std::vector<float>(64, 0.5));
  EXPECT_EQ(found->tokens, 7u);
  EXPECT_EQ(found->dropped, 2u);
  const QueryCache::Stats stats = cache.stats();
  EXPECT_EQ(stats.hits, 1u);
  EXPECT_EQ(stats.misses, 1u);
  EXPECT_EQ(stats.entries, 1u);
  EXPECT_EQ(stats.capacity, uint64_t{1} << 20);
}

TEST(QueryCacheTest, KeysDifferWhereEmbeddingsDo) {
  encoder::EncoderInfo half = Model("s");
  half.precision = "bfloat16";
  const std::string keys[] = {
      QueryCache::KeyOf(Model("s"), "a b"),      QueryCache::KeyOf(Model("t"), "a b"),
      QueryCache::KeyOf(Model("s"), "a  b"),     QueryCache::KeyOf(Model("s", "a "), "b"),
      QueryCache::KeyOf(Model("s", "a b"), ""),  QueryCache::KeyOf(half, "a b"),
      QueryCache::KeyOf(Model("s", "1 x"), "y"), QueryCache::KeyOf(Model("s", "1 "), "xy"),
  };
  for (size_t i = 0; i < std::size(keys); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(keys[i], keys[j]) << i << " and " << j;
  }
}

TEST(QueryCacheTest, StaysWithinItsBytesAndDropsTheLongestUnused) {
  constexpr uint64_t kBytes = 256 << 10;
  QueryCache cache(kBytes);
  const std::string kept = QueryCache::KeyOf(Model("s"), "asked all the time");
  cache.Insert(kept, Embedding(1));
  for (int i = 0; i < 5000; ++i) {
    cache.Insert(QueryCache::KeyOf(Model("s"), "question " + std::to_string(i)), Embedding(2));
    ASSERT_NE(cache.Find(kept), nullptr) << i;
    ASSERT_LE(cache.stats().bytes, kBytes);
  }
  EXPECT_EQ(cache.Find(QueryCache::KeyOf(Model("s"), "question 0")), nullptr);
  EXPECT_NE(cache.Find(QueryCache::KeyOf(Model("s"), "question 4999")), nullptr);
  EXPECT_GT(cache.stats().entries, 100u);
}

TEST(QueryCacheTest, KeepsNothingThatIsTooLongAndNothingAtAllWithoutRoom) {
  QueryCache cache(1 << 20);
  const std::string key = QueryCache::KeyOf(Model("s"), std::string(5000, 'x'));
  EXPECT_TRUE(key.empty());
  cache.Insert(key, Embedding(1));
  EXPECT_EQ(cache.Find(key), nullptr);
  QueryCache none(0);
  const std::string small = QueryCache::KeyOf(Model("s"), "x");
  none.Insert(small, Embedding(1));
  EXPECT_EQ(none.Find(small), nullptr);
  EXPECT_EQ(none.stats().entries, 0u);
  EXPECT_EQ(none.stats().misses, 1u);
}

}  // namespace
}  // namespace kith::engine
