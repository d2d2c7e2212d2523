#include "server/rpc/status.h"

#include <fstream>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "kith/v1/error_details.pb.h"

namespace kith::rpc {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::ErrorStatus Details(const grpc::Status& status) {
  v1::ErrorStatus details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

// The detail packed as google.rpc.`type`; false if there is none.
template <typename Message>
bool Find(const v1::ErrorStatus& status, const std::string& type, Message* message) {
  for (const auto& detail : status.details()) {
    if (detail.type_url() != "type.googleapis.com/google.rpc." + type) continue;
    EXPECT_TRUE(message->ParseFromString(detail.value()));
    return true;
  }
  return false;
}

TEST(StatusTest, AnErrorCarriesReasonFieldMetadataAndAdvice) {
  const absl::Status status =
      Error(absl::StatusCode::kResourceExhausted, reason::kQueueFull, "full: {} wait", 17)
          .Field("documents[3].text")
          .With("limit", 16)
          .RetryAfter(absl::Milliseconds(1250));
  const grpc::Status out = ToGrpcStatus(status, "req-1");
  EXPECT_EQ(out.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(out.error_message(), "full: 17 wait");

  const v1::ErrorStatus details = Details(out);
  EXPECT_EQ(details.code(), 8);
  EXPECT_EQ(details.message(), "full: 17 wait");
  v1::ErrorInfo info;
  ASSERT_TRUE(Find(details, "ErrorInfo", &info));
  EXPECT_EQ(info.reason(), "QUEUE_FULL");
  EXPECT_EQ(info.domain(), "kith");
  EXPECT_EQ(info.metadata().at("limit"), "16");
  EXPECT_EQ(info.metadata().at("request_id"), "req-1");
  v1::BadRequest bad;
  ASSERT_TRUE(Find(details, "BadRequest", &bad));
  ASSERT_EQ(bad.field_violations_size(), 1);
  EXPECT_EQ(bad.field_violations(0).field(), "documents[3].text");
  v1::RetryInfo retry;
  ASSERT_TRUE(Find(details, "RetryInfo", &retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 250'000'000);
}

TEST(StatusTest, WithoutFieldAndAdviceThereIsOnlyTheInfo) {
  const grpc::Status out = ToGrpcStatus(
      Error(absl::StatusCode::kNotFound, reason::kCollectionNotFound, "no {}", "a"), "r");
  const v1::ErrorStatus details = Details(out);
  EXPECT_EQ(details.details_size(), 1);
  v1::ErrorInfo info;
  ASSERT_TRUE(Find(details, "ErrorInfo", &info));
  EXPECT_EQ(info.reason(), "COLLECTION_NOT_FOUND");
}

TEST(StatusTest, WhatBrokeInsideStaysInside) {
  for (absl::StatusCode code : {absl::StatusCode::kInternal, absl::StatusCode::kUnknown}) {
    const grpc::Status out =
        ToGrpcStatus(Error(code, reason::kStorageError, "open /var/lib/kith/db: I/O error")
                         .With("path", "/var/lib/kith/db"),
                     "req-9");
    EXPECT_EQ(out.error_code(), grpc::StatusCode::INTERNAL);
    EXPECT_THAT(out.error_message(), HasSubstr("req-9"));
    EXPECT_THAT(out.error_message(), Not(HasSubstr("/var")));
    EXPECT_THAT(out.error_details(), Not(HasSubstr("/var")));
  }
}

TEST(StatusTest, AStorageErrorThatMayPassKeepsItsCode) {
  const grpc::Status out = ToGrpcStatus(
      Error(absl::StatusCode::kUnavailable, reason::kStorageError, "busy: /var/lib/kith/db"), "r");
  EXPECT_EQ(out.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(out.error_message(), Not(HasSubstr("/var")));
}

TEST(StatusTest, LongMessagesAreCutBetweenCharacters) {
  std::string text;
  while (text.size() < 5000) text += "ü";
  const grpc::Status out = ToGrpcStatus(absl::InvalidArgumentError(text), "r");
  EXPECT_LT(out.error_message().size(), 1100u);
  EXPECT_TRUE(Details(out).message().ends_with("ü..."));
}

TEST(StatusTest, AStatusWithoutReasonGetsTheOneOfItsCode) {
  EXPECT_EQ(ReasonOf(absl::CancelledError("x")), "CANCELLED");
  EXPECT_EQ(ReasonOf(absl::DeadlineExceededError("x")), "DEADLINE_EXCEEDED");
  EXPECT_EQ(ReasonOf(absl::InvalidArgumentError("x")), "INVALID_REQUEST");
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), "INTERNAL");
  EXPECT_EQ(ReasonOf(absl::OkStatus()), "");
}

// Reasons are declared one a line: constexpr std::string_view kName = "REASON";
TEST(StatusTest, TheDocumentationListsEveryReason) {
  std::ostringstream docs;
  docs << std::ifstream(KITH_SOURCE_DIR "/docs/api.md").rdbuf();
  std::ifstream header(KITH_SOURCE_DIR "/proto/kith/base/error.h");
  const std::string kStart = "inline constexpr std::string_view k";
  int reasons = 0;
  for (std::string line; std::getline(header, line);) {
    const size_t begin = line.find('"'), end = line.find('"', begin + 1);
    if (!line.starts_with(kStart) || end == std::string::npos) continue;
    const std::string reason = line.substr(begin + 1, end - begin - 1);
    if (reason.find('/') != std::string::npos) continue;  // the name of a payload
    ++reasons;
    EXPECT_THAT(docs.str(), HasSubstr("\n| `" + reason + "` | `"));
  }
  EXPECT_GT(reasons, 30);
}

TEST(StatusTest, OkIsOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus(), "r").ok()); }

}  // namespace
}  // namespace kith::rpc
