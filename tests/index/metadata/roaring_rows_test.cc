#include "index/metadata/roaring_rows.h"

#include <algorithm>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace kith::index {
namespace {

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::vector<uint32_t> Visited(const std::string& bytes) {
  std::vector<uint32_t> rows;
  RoaringRows(BytesOf(bytes)).ForEach([&](uint32_t row) { rows.push_back(row); });
  return rows;
}

// Sets that meet containers of all three kinds.
std::vector<std::vector<uint32_t>> Sets(std::mt19937_64& random) {
  std::vector<std::vector<uint32_t>> sets = {{0}, {65535}, {65536}, {0, 1, 2, 3}};
  for (const uint32_t range : {100u, 65536u, 200'000u, 400'000u}) {
    for (const uint32_t one_in : {1u, 2u, 3u, 50u, 1000u}) {
      std::vector<uint32_t> scattered, runs;
      bool inside = false;
      for (uint32_t row = 0; row < range; ++row) {
        if (random() % one_in == 0) scattered.push_back(row);
        if (random() % 500 == 0) inside = !inside;
        if (inside) runs.push_back(row);
      }
      if (!scattered.empty()) sets.push_back(scattered);
      if (!runs.empty()) sets.push_back(runs);
    }
  }
  return sets;
}

TEST(RoaringRowsTest, ReadsWhatCRoaringWrites) {
  constexpr uint64_t kSeed = 8;
  std::mt19937_64 random(kSeed);
  for (const std::vector<uint32_t>& rows : Sets(random)) {
    const std::string bytes = RoaringBytes(rows);
    ASSERT_EQ(RoaringRows::Check(BytesOf(bytes), rows.back() + 1), rows.size()) << kSeed;
    ASSERT_EQ(Visited(bytes), rows);
    Bits bits = NoBits(rows.back() + 1);
    RoaringRows(BytesOf(bytes)).AddTo(bits);
    std::vector<uint32_t> added;
    ForEachBit(bits, [&](uint32_t row) { added.push_back(row); });
    ASSERT_EQ(added, rows);
    // A row that is not there, and bytes that are not.
    ASSERT_FALSE(RoaringRows::Check(BytesOf(bytes), rows.back()).has_value());
    ASSERT_FALSE(RoaringRows::Check(BytesOf(bytes + '\0'), rows.back() + 1).has_value());
    ASSERT_FALSE(
        RoaringRows::Check(BytesOf(bytes).first(bytes.size() - 1), rows.back() + 1).has_value());
  }
}

TEST(RoaringRowsTest, DamagedBytesAreRefusedOrAreAnotherSetThatCanBeRead) {
  constexpr uint64_t kSeed = 9;
  std::mt19937_64 random(kSeed);
  for (const std::vector<uint32_t>& rows : Sets(random)) {
    const std::string good = RoaringBytes(rows);
    for (int i = 0; i < 200; ++i) {
      std::string bytes = good;
      // The header is where most of the trust is.
      const size_t reach = i % 2 == 0 ? std::min<size_t>(bytes.size(), 64) : bytes.size();
      bytes[random() % reach] = static_cast<char>(random());
      const auto count = RoaringRows::Check(BytesOf(bytes), rows.back() + 1);
      if (!count.has_value()) continue;
      const std::vector<uint32_t> read = Visited(bytes);
      ASSERT_EQ(read.size(), *count) << "seed " << kSeed;
      ASSERT_TRUE(std::is_sorted(read.begin(), read.end()));
      ASSERT_LE(read.back(), rows.back());
    }
  }
}

}  // namespace
}  // namespace kith::index
