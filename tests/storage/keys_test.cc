#include "storage/keys.h"

#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "tests/storage/test_support.h"

namespace kith::storage {
namespace {

// Numbers around every power of 256, and random ones.
template <typename T>
T AnyNumber(std::mt19937_64& random) {
  const auto edge = static_cast<T>(T{1} << (8 * (random() % sizeof(T))));
  switch (random() % 4) {
    case 0:
      return static_cast<T>(edge - 1);
    case 1:
      return edge;
    case 2:
      return static_cast<T>(~T{0} - static_cast<T>(random() % 2));
    default:
      return static_cast<T>(random());
  }
}

TEST(KeysTest, OrdinalKeysSortAsTheirNumbersAndReadBack) {
  std::mt19937_64 random(TestSeed());
  std::vector<std::tuple<ShardNumber, SpaceNumber, Ordinal>> numbers;
  for (int i = 0; i < 500; ++i) {
    numbers.emplace_back(AnyNumber<ShardNumber>(random), AnyNumber<SpaceNumber>(random),
                         AnyNumber<Ordinal>(random));
  }
  for (const auto& a : numbers) {
    const std::string key = std::apply(OrdinalKey, a);
    EXPECT_EQ(ParseOrdinal(key), std::get<2>(a));
    for (const auto& b : numbers) {
      EXPECT_EQ(a < b, key < std::apply(OrdinalKey, b));
    }
  }
  EXPECT_FALSE(ParseOrdinal("short").has_value());
  EXPECT_FALSE(ParseOrdinal(OrdinalKey(1, 2, 3) + "x").has_value());
}

TEST(KeysTest, TextKeysSortByTextThenBlock) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 20'000; ++i) {
    const std::tuple a(AnyNumber<ShardNumber>(random), AnyNumber<TextId>(random),
                       AnyNumber<uint32_t>(random));
    const std::tuple b(AnyNumber<ShardNumber>(random), AnyNumber<TextId>(random),
                       AnyNumber<uint32_t>(random));
    EXPECT_EQ(a < b, std::apply(TextKey, a) < std::apply(TextKey, b));
  }
}

TEST(KeysTest, AShardIsOneRangeThatHoldsAllOfItsKeysAndNoOther) {
  const std::string longest(kDocumentIdBytesMax, '\xff');
  for (ShardNumber shard : {0U, 1U, 255U, 256U, 0xffffffU, 0xfffffffeU, 0xffffffffU}) {
    const std::string begin = ShardPrefix(shard);
    const std::string end = ShardEnd(shard);
    for (const std::string& key :
         {DocumentKey(shard, "a"), DocumentKey(shard, longest), TextKey(shard, UINT64_MAX, 1),
          OrdinalKey(shard, 0, 0), OrdinalKey(shard, UINT16_MAX, UINT64_MAX),
          RequestKey(shard, longest), RequestTimeKey(shard, INT64_MAX, longest)}) {
      EXPECT_LE(begin, key);
      EXPECT_LT(key, end);
    }
    if (shard > 0) {
      EXPECT_LT(DocumentKey(shard - 1, longest), begin);
    }
    if (shard < UINT32_MAX) {
      EXPECT_GE(DocumentKey(shard + 1, ""), end);
    }
  }
}

TEST(KeysTest, RequestTimesSortAndReadBack) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 20'000; ++i) {
    const auto a = static_cast<int64_t>(AnyNumber<uint64_t>(random) >> 1);
    const auto b = static_cast<int64_t>(AnyNumber<uint64_t>(random) >> 1);
    const std::string key = RequestTimeKey(3, a, "z");
    if (a != b) {
      EXPECT_EQ(a < b, key < RequestTimeKey(3, b, "a"));
    }
    const auto parsed = ParseRequestTime(key);
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(parsed->time_us, a);
    EXPECT_EQ(parsed->request_id, "z");
  }
  EXPECT_EQ(RequestTimeKey(3, -1, "z"), RequestTimeKey(3, 0, "z"));
  EXPECT_FALSE(ParseRequestTime(RequestTimeKey(3, 5, "")).has_value());
  EXPECT_FALSE(ParseRequestTime(RequestKey(3, "tttttttttttttttt")).has_value());
}

// The bytes of docs/formats/data-folder.md: what is on disks already must stay readable.
TEST(KeysTest, KeysAreTheDocumentedBytes) {
  EXPECT_EQ(CatalogKey(CatalogTag::kServer), "s");
  EXPECT_EQ(CatalogKey(CatalogTag::kCollection, 258), std::string("c\0\0\1\2", 5));
  EXPECT_EQ(CatalogKey(CatalogTag::kModel, "ab"), "mab");
  EXPECT_EQ(DocumentKey(7, "doc"), std::string("\0\0\0\7doc", 7));
  EXPECT_EQ(TextKey(7, 3, 1), std::string("\0\0\0\7\0\0\0\0\0\0\0\3\0\0\0\1", 16));
  EXPECT_EQ(OrdinalKey(7, 1, 515), std::string("\0\0\0\7\0\1\0\0\0\0\0\0\2\3", 14));
  EXPECT_EQ(RequestKey(7, "r"), std::string("\0\0\0\7ir", 6));
  EXPECT_EQ(RequestTimeKey(7, 256, "r"), std::string("\0\0\0\7t\0\0\0\0\0\0\1\0r", 14));
  EXPECT_EQ(DescribeKey(Family::kVectors, OrdinalKey(7, 1, 515)),
            "vectors key 0000000700010000000000000203 (shard 7, space 1, ordinal 515)");
}

}  // namespace
}  // namespace kith::storage
