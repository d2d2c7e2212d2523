#include "client/cli/metadata.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kith::cli {
namespace {

// A value as "kind:value", so that a table reads well.
std::string Show(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kStringValue:
      return "string:" + value.string_value();
    case v1::Value::kStringList: {
      std::string text = "list:";
      for (const std::string& item : value.string_list().values()) text += item + ";";
      return text;
    }
    case v1::Value::kIntValue:
      return "int:" + std::to_string(value.int_value());
    case v1::Value::kDoubleValue:
      return "double:" + std::to_string(value.double_value());
    case v1::Value::kBoolValue:
      return value.bool_value() ? "bool:true" : "bool:false";
    case v1::Value::kTimestampValue:
      return "time:" + std::to_string(value.timestamp_value().seconds()) + "." +
             std::to_string(value.timestamp_value().nanos());
    case v1::Value::KIND_NOT_SET:
      return "nothing";
  }
  return "?";
}

struct PairCase {
  const char* pair;
  const char* key;
  const char* value;
};

class MetadataPairTest : public testing::TestWithParam<PairCase> {};

TEST_P(MetadataPairTest, IsReadAsTheTypeItLooksLike) {
  const auto parsed = ParseMetadataPair(GetParam().pair);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->first, GetParam().key);
  EXPECT_EQ(Show(parsed->second), GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(
    Table, MetadataPairTest,
    testing::Values(
        PairCase{"a=b", "a", "string:b"}, PairCase{"a=", "a", "string:"},
        PairCase{"a=b=c", "a", "string:b=c"}, PairCase{"year=2024", "year", "int:2024"},
        PairCase{"t=-3", "t", "int:-3"}, PairCase{"t=0", "t", "int:0"},
        PairCase{"max=9223372036854775807", "max", "int:9223372036854775807"},
        // Beyond 64 bits it is a double, as everywhere.
        PairCase{"big=9223372036854775808", "big", "double:9223372036854775808.000000"},
        PairCase{"x=4.25", "x", "double:4.250000"}, PairCase{"x=0.5", "x", "double:0.500000"},
        PairCase{"x=-1e3", "x", "double:-1000.000000"}, PairCase{"x=1e999", "x", "string:1e999"},
        PairCase{"x=nan", "x", "string:nan"}, PairCase{"x=inf", "x", "string:inf"},
        PairCase{"x=-", "x", "string:-"}, PairCase{"x=+1", "x", "string:+1"},
        PairCase{"x=1 ", "x", "string:1 "}, PairCase{"x=1.2.3", "x", "string:1.2.3"},
        PairCase{"zip=01234", "zip", "string:01234"}, PairCase{"x=0x10", "x", "string:0x10"},
        PairCase{"b=true", "b", "bool:true"}, PairCase{"b=False", "b", "string:False"},
        PairCase{"zip:=\"1234\"", "zip", "string:1234"},
        PairCase{"t:=[\"a\",\"b\"]", "t", "list:a;b;"}, PairCase{"t:=[]", "t", "list:"},
        PairCase{"x:=5", "x", "int:5"}, PairCase{"x:=5.0", "x", "double:5.000000"},
        PairCase{"w:={\"timestamp\":\"2024-05-01T12:00:00.5Z\"}", "w", "time:1714564800.500000000"},
        PairCase{"w:={\"timestamp\":\"1969-12-31T23:59:59.25+00:00\"}", "w", "time:-1.250000000"}));

class BadMetadataPairTest : public testing::TestWithParam<const char*> {};

TEST_P(BadMetadataPairTest, IsRefused) {
  const auto parsed = ParseMetadataPair(GetParam());
  ASSERT_FALSE(parsed.ok()) << Show(parsed->second);
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Table, BadMetadataPairTest,
                         testing::Values("", "=", "a", "=b", ":=1", "a:=", "a:=b", "a:=null",
                                         "a:={}", "a:={\"x\":1}", "a:=[1]", "a:=[[\"x\"]]",
                                         "a:=18446744073709551615", "a:=1e999", "a:=\"\\ud800\"",
                                         "a:={\"timestamp\":\"yesterday\"}",
                                         "a:={\"timestamp\":\"infinite-future\"}",
                                         "a:={\"timestamp\":\"2024-13-01T00:00:00Z\"}",
                                         "a:={\"timestamp\":5}"));

TEST(MetadataTest, AnObjectBecomesMetadataAndNullIsLeftOut) {
  Metadata metadata;
  ASSERT_TRUE(
      AddMetadata(Json::parse(R"({"a": 1, "b": null, "c": ["x"], "d": true})"), metadata).ok());
  ASSERT_EQ(metadata.size(), 3u);
  EXPECT_EQ(Show(metadata.at("a")), "int:1");
  EXPECT_EQ(Show(metadata.at("c")), "list:x;");
  EXPECT_EQ(Show(metadata.at("d")), "bool:true");
}

TEST(MetadataTest, AKeyThatIsThereAlreadyIsRefusedByName) {
  Metadata metadata;
  ASSERT_TRUE(AddMetadata(Json::parse(R"({"year": 1})"), metadata).ok());
  const absl::Status status = AddMetadata(Json::parse(R"({"year": 2})"), metadata);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("\"year\""));
}

}  // namespace
}  // namespace kith::cli
