// What texts mean: precedence, values, names.

#include "server/engine/filter_language/parse_filter.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "index/metadata/filter.h"
#include "kith/base/error.h"
#include "server/engine/filter_language/parse_order.h"

namespace kith::engine {
namespace {

using index::CompareOp;
using index::Filter;
using index::ScalarValue;

Filter Is(std::string field, ScalarValue value) {
  return Filter::Compare(std::move(field), CompareOp::kEqual, std::move(value));
}

// The tree of a text that must be a filter.
Filter Parsed(const std::string& text) {
  absl::StatusOr<Filter> filter = ParseFilter(text);
  EXPECT_TRUE(filter.ok()) << text << ": " << filter.status().ToString();
  return filter.value_or(Filter::Exists("not a filter"));
}

TEST(ParseFilterTest, TheExampleOfTheReadme) {
  EXPECT_EQ(Parsed(R"(year >= 2020 AND lang = "en" AND NOT tags:draft)"),
            Filter::And({Filter::Compare("year", CompareOp::kGreaterEqual, int64_t{2020}),
                         Is("lang", "en"), Filter::Not(Filter::Has("tags", "draft"))}));
}

TEST(ParseFilterTest, NothingIsTheFilterThatAllPass) {
  for (const char* text : {"", " ", "\n\t\r "}) EXPECT_EQ(Parsed(text), Filter::All());
}

TEST(ParseFilterTest, EveryOperatorIsTheOneThatItLooksLike) {
  struct Case {
    const char* sign;
    CompareOp op;
  };
  for (const Case& c :
       {Case{"=", CompareOp::kEqual}, Case{"!=", CompareOp::kNotEqual}, Case{"<", CompareOp::kLess},
        Case{"<=", CompareOp::kLessEqual}, Case{">", CompareOp::kGreater},
        Case{">=", CompareOp::kGreaterEqual}, Case{":", CompareOp::kHas}}) {
    const Filter expected = Filter::Compare("x", c.op, int64_t{1});
    EXPECT_EQ(Parsed(std::string("x") + c.sign + "1"), expected) << c.sign;
    EXPECT_EQ(Parsed(std::string("x ") + c.sign + "\n1 "), expected) << c.sign;
  }
}

TEST(ParseFilterTest, NotBindsTighterThanAndAndThatTighterThanOr) {
  const Filter a = Is("a", int64_t{1}), b = Is("b", int64_t{2}), c = Is("c", int64_t{3});
  EXPECT_EQ(Parsed("a=1 OR b=2 AND c=3"), Filter::Or({a, Filter::And({b, c})}));
  EXPECT_EQ(Parsed("a=1 AND b=2 OR c=3"), Filter::Or({Filter::And({a, b}), c}));
  EXPECT_EQ(Parsed("(a=1 OR b=2) AND c=3"), Filter::And({Filter::Or({a, b}), c}));
  EXPECT_EQ(Parsed("NOT a=1 AND b=2"), Filter::And({Filter::Not(a), b}));
  EXPECT_EQ(Parsed("NOT (a=1 AND b=2)"), Filter::Not(Filter::And({a, b})));
  EXPECT_EQ(Parsed("NOT NOT a=1"), Filter::Not(Filter::Not(a)));
  EXPECT_EQ(Parsed("a=1 and (b=2) or not c=3"), Filter::Or({Filter::And({a, b}), Filter::Not(c)}));
  EXPECT_EQ(Parsed("((a=1))"), a) << "parentheses alone are no part of the tree";
}

TEST(ParseFilterTest, ListsAndFieldsThatAreThere) {
  EXPECT_EQ(Parsed("lang IN (en, \"de\", 3)"), Filter::In("lang", {"en", "de", int64_t{3}}));
  EXPECT_EQ(Parsed("lang in(en)"), Filter::In("lang", {"en"}));
  EXPECT_EQ(Parsed("lang NOT IN (en)"), Filter::Not(Filter::In("lang", {"en"})));
  EXPECT_EQ(Parsed("NOT lang NOT IN (en)"), Filter::Not(Filter::Not(Filter::In("lang", {"en"}))));
  EXPECT_EQ(Parsed("EXISTS lang"), Filter::Exists("lang"));
  EXPECT_EQ(Parsed("NOT exists \"a b\""), Filter::Not(Filter::Exists("a b")));
}

TEST(ParseFilterTest, ValuesHaveTheTypeThatTheyAreWrittenIn) {
  struct Case {
    const char* text;
    ScalarValue value;
  };
  for (const Case& c : {
           Case{"2020", int64_t{2020}},
           Case{"-7", int64_t{-7}},
           Case{"+7", int64_t{7}},
           Case{"0", int64_t{0}},
           Case{"9223372036854775807", INT64_MAX},
           Case{"-9223372036854775808", INT64_MIN},
           Case{"3.5", 3.5},
           Case{"-0.25e-2", -0.0025},
           Case{"1E3", 1000.0},
           Case{"true", true},
           Case{"FALSE", false},
           Case{"\"2020\"", "2020"},
           Case{"'true'", "true"},
           Case{"01234", "01234"},
           Case{"1.", "1."},
           Case{".5", ".5"},
           Case{"1e", "1e"},
           Case{"5th", "5th"},
           Case{"nan", "nan"},
           Case{"inf", "inf"},
           Case{"0x10", "0x10"},
           Case{"en-GB", "en-GB"},
           Case{"docs/a.md", "docs/a.md"},
           Case{"a@b.org", "a@b.org"},
           Case{"москва", "москва"},
           Case{"2024-05-01T12:00:00+02:00", "2024-05-01T12:00:00+02:00"},
           Case{"a:b", "a:b"},
           Case{"order", "order"},
           Case{R"("a \"b\" \\ \n\r\t 'c'")", "a \"b\" \\ \n\r\t 'c'"},
           Case{R"('a "b" \' ')", "a \"b\" ' "},
           Case{"\"\"", ""},
           Case{"\"new\nline\"", "new\nline"},
       }) {
    EXPECT_EQ(Parsed(std::string("x=") + c.text), Is("x", c.value)) << c.text;
    EXPECT_EQ(Parsed(std::string("x IN (") + c.text + ")"), Filter::In("x", {c.value})) << c.text;
  }
}

TEST(ParseFilterTest, NamesNeedQuotesWhereTheyCouldBeAnotherThing) {
  EXPECT_EQ(Parsed("author.name=1"), Is("author.name", int64_t{1}));
  EXPECT_EQ(Parsed("größe=1"), Is("größe", int64_t{1}));
  EXPECT_EQ(Parsed("_x-y/z@w=1"), Is("_x-y/z@w", int64_t{1}));
  EXPECT_EQ(Parsed("\"a b\"=1"), Is("a b", int64_t{1}));
  EXPECT_EQ(Parsed("'and'=1"), Is("and", int64_t{1}));
  EXPECT_EQ(Parsed("\"2020\"=1"), Is("2020", int64_t{1}));
  EXPECT_EQ(Parsed("android=1 AND inside=2"),
            Filter::And({Is("android", int64_t{1}), Is("inside", int64_t{2})}));
}

// --- order_by ---

TEST(ParseOrderTest, AFieldAndItsDirection) {
  struct Case {
    const char* text;
    const char* field;
    bool descending;
  };
  for (const Case& c :
       {Case{"year", "year", false}, Case{"year desc", "year", true},
        Case{" year  ASC ", "year", false}, Case{"\"odd name\" DESC", "odd name", true},
        Case{"größe desc", "größe", true}, Case{"desc desc", "desc", true}}) {
    const absl::StatusOr<FieldOrderText> order = ParseOrder(c.text);
    ASSERT_TRUE(order.ok()) << c.text;
    EXPECT_EQ(order->field, c.field) << c.text;
    EXPECT_EQ(order->descending, c.descending) << c.text;
  }
  for (const char* text : {"", " ", "year up", "year desc desc", "year, lang", "desc year x", "7",
                           "\"year", "year \"desc\"", "year = 1", "and"}) {
    const absl::StatusOr<FieldOrderText> order = ParseOrder(text);
    ASSERT_FALSE(order.ok()) << text;
    EXPECT_EQ(DetailsOf(order.status()).reason, "INVALID_REQUEST") << text;
    EXPECT_EQ(DetailsOf(order.status()).field, "order_by") << text;
  }
}

// --- Texts that are none ---

TEST(ParseFilterTest, ErrorsSayWhereWhatWasExpectedAndWhatWasFound) {
  struct Case {
    const char* text;
    size_t position;
    const char* expected;
    const char* found;
  };
  constexpr char kOperators[] = "one of = != < <= > >= : IN and NOT IN";
  for (const Case& c : {
           Case{"year", 4, kOperators, "the end"},
           Case{"year =", 6, "a value", "the end"},
           Case{"year = AND x = 1", 7, "a value", "\"AND\""},
           Case{"state = or", 8, "a value", "\"or\""},
           Case{"year == 2020", 6, "a value", "\"=\""},
           Case{"year = 2020 lang = en", 12, "AND, OR or the end", "\"lang\""},
           Case{"year = 2020 && x = 1", 12, "AND, OR or the end", "\"&\""},
           Case{"year = 2020)", 11, "AND, OR or the end", "\")\""},
           Case{"(year = 2020", 12, "AND, OR or \")\"", "the end"},
           Case{"()", 1, "a condition", "\")\""},
           Case{"AND x = 1", 0, "a condition", "\"AND\""},
           Case{"x = 1 AND", 9, "a condition", "the end"},
           Case{"x = 1 OR OR", 9, "a condition", "\"OR\""},
           Case{"NOT", 3, "a condition", "the end"},
           Case{"2020 = year", 0, "a condition", "\"2020\""},
           Case{"= 1", 0, "a condition", "\"=\""},
           Case{"EXISTS", 6, "the name of a field", "the end"},
           Case{"EXISTS (x)", 7, "the name of a field", "\"(\""},
           Case{"x IN en", 5, "\"(\"", "\"en\""},
           Case{"x IN ()", 6, "a value", "\")\""},
           Case{"x IN (a b)", 8, "\",\" or \")\"", "\"b\""},
           Case{"x IN (a,", 8, "a value", "the end"},
           Case{"x NOT = 1", 6, "IN", "\"=\""},
           Case{"x ! 1", 2, kOperators, "\"!\""},
           Case{"tags:*", 5, "a value", "\"*\""},
           Case{"x = 9223372036854775808", 4, "a number of 64 bits", "\"9223372036854775808\""},
           Case{"x = 1e999", 4, "a number of 64 bits", "\"1e999\""},
           Case{"x = \"open", 9, "a closing quote", "the end"},
           Case{"x = \"open\\", 10, "a closing quote", "the end"},
           Case{"x = \"a\\qb\"", 6, "one of \\ \" ' n r t after a backslash", R"("\\q")"},
           Case{"größe = ", 10, "a value", "the end"},
       }) {
    const absl::StatusOr<Filter> filter = ParseFilter(c.text);
    ASSERT_FALSE(filter.ok()) << c.text;
    const ErrorDetails details = DetailsOf(filter.status());
    EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_EQ(details.reason, "FILTER_SYNTAX") << c.text;
    EXPECT_EQ(details.field, "filter") << c.text;
    EXPECT_EQ(details.metadata.at("position"), std::to_string(c.position)) << c.text;
    EXPECT_EQ(details.metadata.at("expected"), c.expected) << c.text;
    EXPECT_EQ(details.metadata.at("found"), c.found) << c.text;
    EXPECT_EQ(filter.status().message(), fmt::format("filter: expected {} at byte {}, found {}",
                                                     c.expected, c.position, c.found));
  }
}

// `count` conditions, one after the other.
std::string Chain(size_t count) {
  std::string text = "x=0";
  for (size_t i = 1; i < count; ++i) text += fmt::format(" OR x={}", i);
  return text;
}
std::string Nested(size_t depth, const char* open, const char* close) {
  std::string text;
  for (size_t i = 0; i < depth; ++i) text += open;
  text += "x=1";
  for (size_t i = 0; i < depth; ++i) text += close;
  return text;
}
std::string Values(size_t count) {
  std::string text = "x IN (0";
  for (size_t i = 1; i < count; ++i) text += fmt::format(",{}", i);
  return text + ")";
}

TEST(ParseFilterTest, LimitsHoldAtTheLimitAndNotOnePastIt) {
  struct Case {
    const char* name;
    std::string text;
    size_t limit;  // 0: within it
  };
  for (const Case& c : {
           Case{"255 conditions and an OR", Chain(255), 0},
           Case{"256 conditions and an OR", Chain(256), 256},
           Case{"10,000 conditions", Chain(10'000), 256},
           Case{"31 parentheses", Nested(31, "(", ")"), 0},
           Case{"32 parentheses", Nested(32, "(", ")"), 32},
           Case{"31 NOTs", Nested(31, "NOT ", ""), 0},
           Case{"32 NOTs", Nested(32, "NOT ", ""), 32},
           Case{"a million parentheses", Nested(1'000'000, "(", ")"), 32},
           Case{"a million NOTs", Nested(1'000'000, "NOT ", ""), 32},
           Case{"31 connectives in parentheses, each in a NOT", Nested(31, "NOT (y=1 OR ", ")"),
                32},
           Case{"10,000 values", Values(10'000), 0},
           Case{"10,001 values", Values(10'001), 10'000},
           Case{"a million values", Values(1'000'000), 10'000},
       }) {
    const absl::StatusOr<Filter> filter = ParseFilter(c.text);
    if (c.limit == 0) {
      EXPECT_TRUE(filter.ok()) << c.name << ": " << filter.status().ToString();
      continue;
    }
    ASSERT_FALSE(filter.ok()) << c.name;
    const ErrorDetails details = DetailsOf(filter.status());
    EXPECT_EQ(details.reason, "FILTER_TOO_LARGE") << c.name;
    EXPECT_EQ(details.field, "filter") << c.name;
    EXPECT_EQ(details.metadata.at("limit"), std::to_string(c.limit)) << c.name;
  }
}

}  // namespace
}  // namespace kith::engine
