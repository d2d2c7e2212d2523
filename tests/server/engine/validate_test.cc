#include "server/engine/validate.h"

#include <cmath>
#include <limits>

#include "fixture.h"

namespace kith::engine {
namespace {

using absl::StatusCode;

const Limits kLimits;

TEST(ValidateTest, DocumentIds) {
  EXPECT_TRUE(ValidateDocumentId("a", kLimits).ok());
  EXPECT_TRUE(ValidateDocumentId(std::string(512, 'a'), kLimits).ok());
  EXPECT_TRUE(ValidateDocumentId("../\xE2\x82\xAC 1", kLimits).ok());
  for (const std::string& bad : {std::string(), std::string(513, 'a'), std::string("a\nb"),
                                 std::string("a\0b", 3), std::string("\xC2\x85")}) {
    EXPECT_THAT(ValidateDocumentId(bad, kLimits),
                FailsWith(StatusCode::kInvalidArgument, "INVALID_ID"));
  }
  EXPECT_THAT(ValidateDocumentId("\xC0\x80", kLimits),
              FailsWith(StatusCode::kInvalidArgument, "INVALID_UTF8"));
}

TEST(ValidateTest, CollectionNames) {
  EXPECT_TRUE(ValidateCollectionName("a").ok());
  EXPECT_TRUE(ValidateCollectionName("0_-" + std::string(125, 'z')).ok());
  EXPECT_FALSE(ValidateCollectionName(std::string(129, 'z')).ok());
}

TEST(ValidateTest, Texts) {
  EXPECT_TRUE(ValidateText(std::string(4 << 20, 'a'), kLimits).ok());
  EXPECT_THAT(ValidateText(std::string((4 << 20) + 1, 'a'), kLimits),
              FailsWith(StatusCode::kInvalidArgument, "TEXT_TOO_LONG"));
  EXPECT_THAT(ValidateText("", kLimits), FailsWith(StatusCode::kInvalidArgument, "EMPTY_TEXT"));
  EXPECT_THAT(ValidateText(" \t\r\n\xC2\xA0\xE3\x80\x80", kLimits),
              FailsWith(StatusCode::kInvalidArgument, "EMPTY_TEXT"));
  EXPECT_THAT(ValidateText("ok \xED\xA0\x80", kLimits),
              FailsWith(StatusCode::kInvalidArgument, "INVALID_UTF8"));
}

TEST(ValidateTest, MetadataAtItsLimitsAndOnePast) {
  Metadata keys;
  for (int i = 0; i < 256; ++i) keys[std::to_string(i)] = true;
  EXPECT_TRUE(ValidateMetadata(keys, kLimits).ok());
  keys["one more"] = true;
  EXPECT_FALSE(ValidateMetadata(keys, kLimits).ok());

  EXPECT_TRUE(ValidateMetadata({{std::string(128, 'k'), true}}, kLimits).ok());
  EXPECT_FALSE(ValidateMetadata({{std::string(129, 'k'), true}}, kLimits).ok());
  EXPECT_FALSE(ValidateMetadata({{"", true}}, kLimits).ok());

  EXPECT_TRUE(ValidateMetadata({{"k", std::string((64 << 10) - 1, 'v')}}, kLimits).ok());
  EXPECT_FALSE(ValidateMetadata({{"k", std::string(64 << 10, 'v')}}, kLimits).ok());

  EXPECT_TRUE(ValidateMetadata({{"k", std::vector<std::string>(1000, "v")}}, kLimits).ok());
  EXPECT_FALSE(ValidateMetadata({{"k", std::vector<std::string>(1001, "v")}}, kLimits).ok());
}

TEST(ValidateTest, MetadataThatIsNoValue) {
  for (const MetadataValue& bad :
       {MetadataValue(std::nan("")), MetadataValue(std::numeric_limits<double>::infinity()),
        MetadataValue(Timestamp{std::numeric_limits<int64_t>::max()}),
        MetadataValue(Timestamp{-62'135'596'800'000'001})}) {
    EXPECT_THAT(ValidateMetadata({{"k", bad}}, kLimits),
                FailsWith(StatusCode::kInvalidArgument, "INVALID_METADATA"));
  }
  EXPECT_TRUE(ValidateMetadata({{"k", Timestamp{253'402'300'799'999'999}}}, kLimits).ok());
  EXPECT_THAT(ValidateMetadata({{"k", std::string("\xFF")}}, kLimits),
              FailsWith(StatusCode::kInvalidArgument, "INVALID_UTF8"));
}

}  // namespace
}  // namespace kith::engine
