#include "index/metadata/filter.h"

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "tests/index/metadata/rows.h"

namespace kith::index {
namespace {

using ::testing::HasSubstr;

// "REASON message", or "OK".
std::string Refusal(const absl::Status& status) {
  if (status.ok()) return "OK";
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return DetailsOf(status).reason + " " + std::string(status.message());
}

std::string Resolve(Filter filter) {
  return Refusal(ResolveFilter(std::move(filter), LookUp).status());
}

TEST(FilterTest, AValueOfAnotherTypeIsNamedWithTheFieldsOwn) {
  EXPECT_EQ(Resolve(Filter::Compare("year", CompareOp::kEqual, "2020")),
            "FILTER_TYPE field \"year\" holds int64, compared with a string");
  EXPECT_EQ(Resolve(Filter::Compare("lang", CompareOp::kLess, int64_t{1})),
            "FILTER_TYPE field \"lang\" holds keyword, compared with an int64");
  EXPECT_EQ(Resolve(Filter::Compare("open", CompareOp::kEqual, 1.0)),
            "FILTER_TYPE field \"open\" holds bool, compared with a double");
  EXPECT_EQ(Resolve(Filter::Compare("price", CompareOp::kEqual, true)),
            "FILTER_TYPE field \"price\" holds double, compared with a bool");
  EXPECT_EQ(Resolve(Filter::In("tags", {Timestamp{0}})),
            "FILTER_TYPE field \"tags\" holds keyword list, compared with a timestamp");
  EXPECT_THAT(Resolve(Filter::Compare("seen", CompareOp::kEqual, "yesterday")),
              HasSubstr("no time of RFC 3339"));
  // Deep inside, too.
  EXPECT_THAT(Resolve(Filter::Not(Filter::Or({Filter::All(), Filter::Has("year", "x")}))),
              HasSubstr("holds int64"));
}

TEST(FilterTest, WhatHasNoOrderIsNotOrdered) {
  EXPECT_THAT(Resolve(Filter::Compare("tags", CompareOp::kLess, "x")), HasSubstr("no order for <"));
  EXPECT_THAT(Resolve(Filter::Compare("open", CompareOp::kGreaterEqual, true)),
              HasSubstr("no order for >="));
  EXPECT_EQ(Resolve(Filter::Compare("tags", CompareOp::kNotEqual, "x")), "OK");
}

TEST(FilterTest, NumbersOfBothTypesFitEitherField) {
  EXPECT_EQ(Resolve(Filter::Compare("year", CompareOp::kLess, 2020.5)), "OK");
  EXPECT_EQ(Resolve(Filter::Compare("price", CompareOp::kLess, int64_t{3})), "OK");
  EXPECT_THAT(Resolve(Filter::Compare("price", CompareOp::kEqual, std::nan(""))),
              HasSubstr("FILTER_TYPE"));
  EXPECT_EQ(
      Resolve(Filter::Compare("price", CompareOp::kLess, std::numeric_limits<double>::infinity())),
      "OK");
}

TEST(FilterTest, AStringThatIsComparedWithATimeIsRead) {
  const auto resolved =
      ResolveFilter(Filter::Compare("seen", CompareOp::kLess, "1970-01-01T00:00:01Z"), LookUp);
  ASSERT_TRUE(resolved.ok());
  EXPECT_EQ(resolved->values[0], ScalarValue(Timestamp{1'000'000}));
  EXPECT_EQ(ResolveFilter(*resolved, LookUp).value(), *resolved);
}

TEST(FilterTest, AFieldThatNoDocumentHasFitsEverything) {
  EXPECT_EQ(Resolve(Filter::Compare("nosuch", CompareOp::kLess, true)), "OK");
}

TEST(FilterTest, AFieldOutsideTheIndexIsRefused) {
  const auto lookup = [](std::string_view) {
    return FilterField{.type = FieldType::kKeyword, .indexed = false};
  };
  EXPECT_THAT(Refusal(ResolveFilter(Filter::Exists("blob"), lookup).status()),
              HasSubstr("FIELD_NOT_INDEXED"));
  EXPECT_THAT(Refusal(CheckFieldIndexed("blob", lookup("blob"), "order_by")),
              HasSubstr("order_by"));
}

TEST(FilterTest, TheLimitsHoldAtTheLimitAndOnePastIt) {
  Filter deep = Filter::All();
  for (size_t i = 1; i < kMaxFilterDepth; ++i) deep = Filter::Not(std::move(deep));
  EXPECT_EQ(Resolve(deep), "OK");
  EXPECT_THAT(Resolve(Filter::Not(deep)), HasSubstr("FILTER_TOO_LARGE"));

  Filter wide = Filter::Or(std::vector<Filter>(kMaxFilterNodes - 1));
  EXPECT_EQ(Resolve(wide), "OK");
  wide.parts.emplace_back();
  EXPECT_THAT(Resolve(wide), HasSubstr("FILTER_TOO_LARGE"));

  Filter in = Filter::In("year", std::vector<ScalarValue>(kMaxInValues, int64_t{1}));
  EXPECT_EQ(Resolve(in), "OK");
  in.values.emplace_back(int64_t{1});
  EXPECT_THAT(Resolve(in), HasSubstr("FILTER_TOO_LARGE"));
}

TEST(FilterTest, AMalformedTreeIsRefused) {
  EXPECT_THAT(Resolve(Filter{.kind = Filter::Kind::kNot}), HasSubstr("INVALID_REQUEST"));
  EXPECT_THAT(Resolve(Filter{.kind = Filter::Kind::kCompare, .field = "year"}),
              HasSubstr("INVALID_REQUEST"));
  EXPECT_THAT(Resolve(Filter{.kind = Filter::Kind::kExists, .parts = {Filter::All()}}),
              HasSubstr("INVALID_REQUEST"));
}

TEST(FilterTest, ValuesOfInAreSortedAndSingle) {
  const auto in =
      ResolveFilter(Filter::In("price", {int64_t{3}, 2.5, 3.0, int64_t{-1}, int64_t{3}}), LookUp);
  ASSERT_TRUE(in.ok());
  ASSERT_EQ(in->values.size(), 3u);
  EXPECT_EQ(in->values[0], ScalarValue(int64_t{-1}));
  EXPECT_EQ(in->values[1], ScalarValue(2.5));
}

TEST(FilterTest, IntegersAndDoublesCompareAsTheNumbersThatTheyAre) {
  constexpr uint64_t kSeed = 21;
  Random random(kSeed);
  for (int i = 0; i < 100'000; ++i) {
    const int64_t a = AnInteger(random);
    const double b = ADouble(random);
    const auto wide_a = static_cast<long double>(a), wide_b = static_cast<long double>(b);
    const auto order = CompareNumbers(a, b);
    ASSERT_EQ(order < 0, wide_a < wide_b) << a << " " << b << " seed " << kSeed;
    ASSERT_EQ(order > 0, wide_a > wide_b) << a << " " << b << " seed " << kSeed;
  }
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(CompareNumbers(INT64_MAX, infinity) < 0);
  EXPECT_TRUE(CompareNumbers(INT64_MIN, -infinity) > 0);
}

}  // namespace
}  // namespace kith::index
