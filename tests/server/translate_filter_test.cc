// Filters as messages: what they become, and what is refused.

#include "server/rpc/translate_filter.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "kith/v1/search_service.pb.h"

namespace kith::rpc {
namespace {

using index::CompareOp;
using index::Filter;

v1::Filter Tree(const std::string& text) {
  v1::Filter filter;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &filter)) << text;
  return filter;
}

TEST(TranslateFilterTest, EveryConditionIsTheOneThatTheTextHasForIt) {
  struct Case {
    const char* tree;
    const char* text;
  };
  for (const Case& c : {
           Case{"comparison { field: 'x' operator: FILTER_OPERATOR_EQUAL value { int_value: 1 } }",
                "x = 1"},
           Case{"comparison { field: 'x' operator: FILTER_OPERATOR_NOT_EQUAL value { "
                "string_value: 'a' } }",
                "x != a"},
           Case{"comparison { field: 'x' operator: FILTER_OPERATOR_LESS value { double_value: 0.5 "
                "} }",
                "x < 0.5"},
           Case{"comparison { field: 'x' operator: FILTER_OPERATOR_LESS_OR_EQUAL value { "
                "int_value: 1 } }",
                "x <= 1"},
           Case{"comparison { field: 'x' operator: FILTER_OPERATOR_GREATER value { int_value: 1 } "
                "}",
                "x > 1"},
           Case{"comparison { field: 'x' operator: FILTER_OPERATOR_GREATER_OR_EQUAL value { "
                "int_value: 1 } }",
                "x >= 1"},
           Case{"comparison { field: 'x' operator: FILTER_OPERATOR_HAS value { bool_value: true } "
                "}",
                "x:true"},
           Case{"membership { field: 'x' values { string_value: 'a' } values { int_value: 2 } }",
                "x IN (a, 2)"},
           Case{"exists: 'x'", "EXISTS x"},
           Case{"negated { exists: 'x' }", "NOT EXISTS x"},
           Case{"all_of { filters { exists: 'x' } filters { exists: 'y' } }",
                "EXISTS x AND EXISTS y"},
           Case{"any_of { filters { exists: 'x' } filters { negated { exists: 'y' } } }",
                "EXISTS x OR NOT EXISTS y"},
       }) {
    const absl::StatusOr<Filter> tree = ReadFilterTree(Tree(c.tree));
    const absl::StatusOr<Filter> text = engine::ParseFilter(c.text);
    ASSERT_TRUE(tree.ok()) << c.tree << ": " << tree.status().ToString();
    ASSERT_TRUE(text.ok()) << c.text;
    EXPECT_EQ(*tree, *text) << c.text;
  }
  const absl::StatusOr<Filter> time = ReadFilterTree(
      Tree("comparison { field: 'x' operator: FILTER_OPERATOR_LESS value { timestamp_value { "
           "seconds: -1 nanos: 999999999 } } }"));
  ASSERT_TRUE(time.ok());
  EXPECT_EQ(*time, Filter::Compare("x", CompareOp::kLess, index::Timestamp{-1}));
}

TEST(TranslateFilterTest, ARequestHasATextOrATreeOrNone) {
  v1::SearchRequest request;
  ASSERT_TRUE(ReadWhere(request).ok());
  EXPECT_EQ(*ReadWhere(request), std::nullopt);
  request.set_filter("");
  EXPECT_EQ(*ReadWhere(request), Filter::All());
  request.set_filter("x = 1");
  EXPECT_EQ(*ReadWhere(request), Filter::Compare("x", CompareOp::kEqual, int64_t{1}));
  request.mutable_filter_tree()->set_exists("x");
  EXPECT_EQ(*ReadWhere(request), Filter::Exists("x"));
  request.set_filter("x =");
  EXPECT_EQ(DetailsOf(ReadWhere(request).status()).field, "filter");
}

TEST(TranslateFilterTest, WhatIsNoFilterIsRefusedWithItsPath) {
  struct Case {
    const char* tree;
    const char* reason;
    const char* field;
  };
  for (const Case& c : {
           Case{"", "INVALID_REQUEST", "filter_tree"},
           Case{"all_of {}", "INVALID_REQUEST", "filter_tree.all_of"},
           Case{"any_of { filters { exists: 'x' } filters {} }", "INVALID_REQUEST",
                "filter_tree.any_of.filters[1]"},
           Case{"negated { negated {} }", "INVALID_REQUEST", "filter_tree.negated.negated"},
           Case{"comparison { field: 'x' value { int_value: 1 } }", "INVALID_REQUEST",
                "filter_tree.comparison.operator"},
           Case{"comparison { field: 'x' operator: FILTER_OPERATOR_EQUAL }", "INVALID_REQUEST",
                "filter_tree.comparison.value"},
           Case{"comparison { field: 'x' operator: FILTER_OPERATOR_EQUAL value { string_list {} } "
                "}",
                "INVALID_REQUEST", "filter_tree.comparison.value"},
           Case{"comparison { field: 'x' operator: FILTER_OPERATOR_EQUAL value { timestamp_value { "
                "nanos: -1 } } }",
                "INVALID_METADATA", "filter_tree.comparison.value"},
           Case{"membership { field: 'x' }", "INVALID_REQUEST", "filter_tree.membership.values"},
           Case{"membership { field: 'x' values { double_value: nan } }", "INVALID_REQUEST",
                "filter_tree.membership.values[0]"},
       }) {
    const absl::StatusOr<Filter> filter = ReadFilterTree(Tree(c.tree));
    ASSERT_FALSE(filter.ok()) << c.tree;
    EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument) << c.tree;
    EXPECT_EQ(DetailsOf(filter.status()).reason, c.reason) << c.tree;
    EXPECT_EQ(DetailsOf(filter.status()).field, c.field) << c.tree;
  }
}

TEST(TranslateFilterTest, LimitsHoldAtTheLimitAndNotOnePastIt) {
  const auto wide = [](int count) {
    v1::Filter filter;
    for (int i = 0; i < count; ++i) filter.mutable_all_of()->add_filters()->set_exists("x");
    return filter;
  };
  const auto deep = [](int depth) {
    v1::Filter filter;
    filter.set_exists("x");
    for (int i = 1; i < depth; ++i) {
      v1::Filter outer;
      *outer.mutable_negated() = filter;
      filter = outer;
    }
    return filter;
  };
  const auto values = [](int count) {
    v1::Filter filter;
    filter.mutable_membership()->set_field("x");
    for (int i = 0; i < count; ++i) filter.mutable_membership()->add_values()->set_int_value(i);
    return filter;
  };
  EXPECT_TRUE(ReadFilterTree(wide(255)).ok());
  EXPECT_TRUE(ReadFilterTree(deep(32)).ok());
  EXPECT_TRUE(ReadFilterTree(values(10'000)).ok());
  for (const v1::Filter& filter : {wide(256), wide(100'000), deep(33), deep(90), values(10'001)}) {
    EXPECT_EQ(DetailsOf(ReadFilterTree(filter).status()).reason, "FILTER_TOO_LARGE");
  }
}

}  // namespace
}  // namespace kith::rpc
