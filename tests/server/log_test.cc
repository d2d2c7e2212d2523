#include "server/telemetry/log.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace kith::telemetry {
namespace {

TEST(LogTest, JsonHoldsTheMessageAndTheFields) {
  EXPECT_EQ(RenderJson("a call", {{"method", "SearchService/Search"}, {"bytes", 17}, {"ms", 0.25}}),
            R"("message":"a call","method":"SearchService/Search","bytes":17,"ms":0.25)");
}

TEST(LogTest, NothingFromOutsideCanForgeALine) {
  const std::string evil = "x\"}\n{\"level\":\"error\",\"message\":\"forged\\\x01\x7f\r\t";
  const std::string json = RenderJson("a call", {{"id", evil}});
  EXPECT_EQ(json.find('\n'), std::string::npos);
  EXPECT_EQ(
      json,
      R"("message":"a call","id":"x\"}\n{\"level\":\"error\",\"message\":\"forged\\\u0001\u007f\u000d\t")");
  const std::string text = RenderText("a call", {{"id", evil}});
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(LogTest, TextQuotesWhatCouldBeMisread) {
  EXPECT_EQ(RenderText("a call", {{"a", "plain"}, {"b", "two words"}, {"c", "x=y"}, {"d", ""}}),
            R"(a call a=plain b="two words" c="x=y")");
}

TEST(LogTest, AFieldWithoutTextIsLeftOut) {
  EXPECT_EQ(RenderJson("m", {{"a", ""}, {"b", 0}}), R"("message":"m","b":0)");
  EXPECT_EQ(RenderText("m", {{"a", ""}, {"b", 0}}), "m b=0");
}

TEST(LogTest, NumbersThatJsonDoesNotHaveAreNull) {
  EXPECT_EQ(RenderJson("m", {{"x", std::numeric_limits<double>::quiet_NaN()},
                             {"y", std::numeric_limits<double>::infinity()}}),
            R"("message":"m","x":null,"y":null)");
}

}  // namespace
}  // namespace kith::telemetry
