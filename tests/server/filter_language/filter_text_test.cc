// Laws of the language: what is printed reads back as what it was, and no bytes harm the parser.

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "index/metadata/filter.h"
#include "kith/base/error.h"
#include "print_filter.h"
#include "server/engine/filter_language/parse_filter.h"

namespace kith::engine {
namespace {

using index::CompareOp;
using index::Filter;
using index::ScalarValue;

class FilterTextTest : public testing::Test {
 protected:
  size_t Below(size_t end) { return std::uniform_int_distribution<size_t>(0, end - 1)(random_); }
  bool Coin() { return Below(2) == 0; }

  std::string RandomText() {
    static const std::vector<std::string> kTexts = {"",       "en",
                                                    "and",    "OR",
                                                    "In",     "not",
                                                    "EXISTS", "true",
                                                    "False",  "12",
                                                    "-3",     "1e5",
                                                    "007",    "a b",
                                                    "\"",     "'",
                                                    "\\",     "\\n",
                                                    "a\nb",   "\t",
                                                    "(",      ")",
                                                    ",",      "=",
                                                    "!=",     "<",
                                                    "a:b",    ":",
                                                    "+",      "größe",
                                                    "日本",   "2024-05-01T12:00:00Z",
                                                    "x/y",    "9223372036854775808",
                                                    "nan",    ".5",
                                                    "1."};
    std::string text = kTexts[Below(kTexts.size())];
    if (Coin()) text += kTexts[Below(kTexts.size())];
    if (Below(10) == 0) text += std::string(1, '\0') + "\x01\x7f";
    return text;
  }

  ScalarValue RandomValue() {
    switch (Below(5)) {
      case 0:
        return std::uniform_int_distribution<int64_t>(INT64_MIN, INT64_MAX)(random_);
      case 1:
        return static_cast<int64_t>(Below(3)) - 1;
      case 2: {
        const double value = std::uniform_real_distribution<double>(-1e3, 1e3)(random_);
        return Coin() ? value : value * 1e300;
      }
      case 3:
        return Coin();
      default:
        return RandomText();
    }
  }

  Filter RandomLeaf() {
    switch (Below(3)) {
      case 0:
        return Filter::Exists(RandomText());
      case 1: {
        std::vector<ScalarValue> values(1 + Below(5));
        for (ScalarValue& value : values) value = RandomValue();
        return Filter::In(RandomText(), std::move(values));
      }
      default:
        return Filter::Compare(RandomText(), static_cast<CompareOp>(Below(7)), RandomValue());
    }
  }

  Filter RandomFilter(size_t depth) {
    if (depth <= 1 || Below(4) == 0) return RandomLeaf();
    if (Below(4) == 0) return Filter::Not(RandomFilter(depth - 1));
    std::vector<Filter> parts(2 + Below(2));
    for (Filter& part : parts) part = RandomFilter(depth - 1);
    return Coin() ? Filter::And(std::move(parts)) : Filter::Or(std::move(parts));
  }

  const unsigned seed_ = std::random_device()();
  testing::ScopedTrace trace_{__FILE__, __LINE__, seed_};
  std::mt19937_64 random_{seed_};
};

TEST_F(FilterTextTest, WhatIsPrintedReadsBackAsItWas) {
  PrintStyle style;
  style.bare = style.lower = style.single = [this] { return Coin(); };
  style.space = [this] { return std::vector<std::string>{"", " ", "\n\t "}[Below(3)]; };
  size_t done = 0;
  while (done < 20'000) {
    const Filter filter = RandomFilter(1 + Below(6));
    if (!index::CheckFilterShape(filter).ok()) continue;
    for (const std::string& text : {PrintFilter(filter), PrintFilter(filter, style)}) {
      const absl::StatusOr<Filter> read = ParseFilter(text);
      ASSERT_TRUE(read.ok()) << text << "\n" << read.status().ToString();
      ASSERT_EQ(*read, filter) << text;
    }
    ++done;
  }
}

// Either a filter within the limits, or an error that a client can use.
void ExpectJudged(const std::string& text) {
  const absl::StatusOr<Filter> filter = ParseFilter(text);
  if (filter.ok()) {
    ASSERT_TRUE(index::CheckFilterShape(*filter).ok()) << Quoted(text);
    return;
  }
  ASSERT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument);
  const ErrorDetails details = DetailsOf(filter.status());
  ASSERT_TRUE(details.reason == "FILTER_SYNTAX" || details.reason == "FILTER_TOO_LARGE")
      << details.reason;
  if (details.reason == "FILTER_SYNTAX") {
    ASSERT_LE(std::stoull(details.metadata.at("position")), text.size());
  }
  ASSERT_LT(filter.status().message().size(), 1000u) << "what was found is shortened";
}

TEST_F(FilterTextTest, NoBytesHarmTheParser) {
  for (int i = 0; i < 100'000; ++i) {
    std::string text(Below(60), '\0');
    for (char& c : text) c = static_cast<char>(Below(256));
    ExpectJudged(text);
  }
}

TEST_F(FilterTextTest, NoTokensHarmTheParser) {
  const std::vector<std::string> tokens = {
      "a",  "year", "AND ", "OR ", "NOT ",  "IN ", "EXISTS ", "(",  ")",   ",",    "=", "!=", "<",
      "<=", ">",    ">=",   ":",   "\"x\"", "'y'", "1",       "-2", "3.5", "true", " ", "\"", "\\"};
  size_t filters = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string text;
    for (size_t count = Below(12); count > 0; --count) text += tokens[Below(tokens.size())];
    ExpectJudged(text);
    if (!text.empty() && ParseFilter(text).ok()) ++filters;
  }
  EXPECT_GT(filters, 100u) << "some of them are filters, or the test says little";
}

TEST_F(FilterTextTest, ADamagedFilterIsJudgedToo) {
  for (int i = 0; i < 20'000; ++i) {
    std::string text = PrintFilter(RandomFilter(4));
    switch (Below(3)) {
      case 0:
        text.resize(Below(text.size() + 1));
        break;
      case 1:
        text[Below(text.size())] = static_cast<char>(Below(256));
        break;
      default:
        text.insert(Below(text.size() + 1), text.substr(Below(text.size())));
    }
    ExpectJudged(text);
  }
}

}  // namespace
}  // namespace kith::engine
