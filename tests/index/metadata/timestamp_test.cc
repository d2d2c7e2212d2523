#include "index/metadata/timestamp.h"

#include <random>
#include <string>

#include "gtest/gtest.h"

namespace kith::index {
namespace {

TEST(TimestampTest, ReadsEveryFormOfRfc3339) {
  struct Case {
    const char* text;
    int64_t micros;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"1970-01-01T00:00:00Z", 0},
           {"1970-01-01t00:00:01z", 1'000'000},
           {"1970-01-01 00:00:00.5Z", 500'000},
           {"1970-01-01T00:00:00.0000019Z", 1},  // finer than a microsecond: cut off
           {"1970-01-01T01:00:00+01:00", 0},
           {"1969-12-31T23:59:59.999999Z", -1},
           {"1969-12-31T18:30:00-05:30", 0},
           {"2024-02-29T12:30:00.25Z", 1'709'209'800'250'000},
           {"0001-01-01T00:00:00Z", -62'135'596'800'000'000},
           {"9999-12-31T23:59:59.999999Z", 253'402'300'799'999'999}}) {
    const auto time = ParseTimestamp(c.text);
    ASSERT_TRUE(time.has_value()) << c.text;
    EXPECT_EQ(time->micros, c.micros) << c.text;
  }
}

TEST(TimestampTest, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           "2024",
                           "2024-02-30T00:00:00Z",
                           "2023-02-29T00:00:00Z",
                           "2024-13-01T00:00:00Z",
                           "2024-00-01T00:00:00Z",
                           "2024-01-00T00:00:00Z",
                           "2024-01-01",
                           "2024-01-01T00:00:00",
                           "2024-01-01T24:00:00Z",
                           "2024-01-01T00:60:00Z",
                           "2024-01-01T00:00:60Z",
                           "2024-01-01T00:00:00.Z",
                           "2024-01-01T00:00:00+24:00",
                           "2024-01-01T00:00:00+01:60",
                           "2024-01-01T00:00:00+0100",
                           "2024-01-01T00:00:00Z ",
                           " 2024-01-01T00:00:00Z",
                           "+024-01-01T00:00:00Z",
                           "infinite-future",
                           "0000-12-31T23:59:59Z",
                           "0001-01-01T00:00:00+00:01",
                           "9999-12-31T23:59:59-00:01",
                           "2024-1-1T00:00:00Z"}) {
    EXPECT_FALSE(ParseTimestamp(text).has_value()) << text;
  }
}

TEST(TimestampTest, WhatIsFormattedIsReadBack) {
  constexpr uint64_t kSeed = 3;
  std::mt19937_64 random(kSeed);
  constexpr int64_t kFirst = -62'135'596'800'000'000, kEnd = 253'402'300'800'000'000;
  for (int i = 0; i < 20'000; ++i) {
    Timestamp time{kFirst + static_cast<int64_t>(random() % static_cast<uint64_t>(kEnd - kFirst))};
    if (i % 2 == 0) time.micros -= time.micros % 1'000'000;
    const std::string text = FormatTimestamp(time);
    ASSERT_EQ(ParseTimestamp(text), time) << text << " seed " << kSeed;
  }
  EXPECT_EQ(FormatTimestamp({1'709'209'800'250'000}), "2024-02-29T12:30:00.25Z");
  EXPECT_EQ(FormatTimestamp({-1}), "1969-12-31T23:59:59.999999Z");
}

TEST(TimestampTest, AnyBytesAreATimeOrNone) {
  constexpr uint64_t kSeed = 4;
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 50'000; ++i) {
    std::string text = "2024-02-29T12:30:00.25+01:00";
    for (size_t n = random() % 3 + 1; n > 0; --n) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    text.resize(random() % (text.size() + 1));
    if (const auto time = ParseTimestamp(text)) {
      ASSERT_EQ(ParseTimestamp(FormatTimestamp(*time)), time) << text;
    }
  }
}

}  // namespace
}  // namespace kith::index
