#include "server/config/units.h"

#include <cstdint>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kith::config {
namespace {

TEST(UnitsTest, SizesMeanWhatTheirUnitsSay) {
  struct Case {
    const char* text;
    uint64_t bytes;
  };
  for (const Case& c : {Case{"0", 0}, Case{"17", 17}, Case{"17B", 17}, Case{"2KiB", 2048},
                        Case{"2kb", 2000}, Case{"4 MiB", 4u << 20}, Case{"1GiB", 1u << 30},
                        Case{"3tib", 3ull << 40}, Case{"5TB", 5'000'000'000'000}}) {
    const auto size = ParseSize(c.text);
    ASSERT_TRUE(size.ok()) << c.text << ": " << size.status();
    EXPECT_EQ(*size, c.bytes) << c.text;
  }
}

TEST(UnitsTest, WhatIsNoSizeIsRefused) {
  for (const char* text : {"", "GiB", "-1", "1.5GiB", "4GB!", "4 GiB x", "18446744073709551616",
                           "99999999999TiB", "0x10", "1e6", "4G"}) {
    const auto size = ParseSize(text);
    EXPECT_EQ(size.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(UnitsTest, APrintedSizeReadsBackAsItself) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t bytes = (random() >> (random() % 64)) << (random() % 20);
    const auto read = ParseSize(PrintSize(bytes));
    ASSERT_TRUE(read.ok()) << PrintSize(bytes);
    EXPECT_EQ(*read, bytes);
  }
}

TEST(UnitsTest, TimesNeedAUnit) {
  EXPECT_EQ(*ParseDuration("200ms"), absl::Milliseconds(200));
  EXPECT_EQ(*ParseDuration("30s"), absl::Seconds(30));
  EXPECT_EQ(*ParseDuration("2m"), absl::Minutes(2));
  EXPECT_EQ(*ParseDuration("1h"), absl::Hours(1));
  EXPECT_EQ(*ParseDuration("0s"), absl::ZeroDuration());
  for (const char* text : {"", "30", "-1s", "1.5s", "1d", "s", "99999999999h"}) {
    EXPECT_EQ(ParseDuration(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(UnitsTest, APrintedTimeReadsBackAsItself) {
  for (int64_t ms : {0, 1, 999, 1000, 1500, 60'000, 61'000, 3'600'000, 5'400'000}) {
    const auto read = ParseDuration(PrintDuration(absl::Milliseconds(ms)));
    ASSERT_TRUE(read.ok()) << ms;
    EXPECT_EQ(*read, absl::Milliseconds(ms));
  }
}

}  // namespace
}  // namespace kith::config
