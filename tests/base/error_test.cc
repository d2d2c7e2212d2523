#include "kith/base/error.h"

#include "gtest/gtest.h"
#include "kith/base/call.h"
#include "kith/base/status_macros.h"

namespace kith {
namespace {

TEST(ErrorTest, CarriesReasonFieldMetadataAndRetryAdvice) {
  absl::Status status = Error(absl::StatusCode::kResourceExhausted, reason::kQueueFull,
                              "{} of {} places taken", 8, 8)
                            .Field("documents[2].text")
                            .With("capacity", 8)
                            .RetryAfter(absl::Milliseconds(250));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "8 of 8 places taken");
  ErrorDetails details = DetailsOf(status);
  EXPECT_EQ(details.reason, "QUEUE_FULL");
  EXPECT_EQ(details.field, "documents[2].text");
  EXPECT_EQ(details.metadata.at("capacity"), "8");
  EXPECT_EQ(details.retry_after, absl::Milliseconds(250));
}

TEST(ErrorTest, InFieldCompletesAPathFromTheOutside) {
  absl::Status inner = InvalidArgument(reason::kEmptyText, "nothing to embed").Field("text");
  EXPECT_EQ(DetailsOf(InField(inner, "documents[1]")).field, "documents[1].text");
  absl::Status part = InvalidArgument(reason::kVectorNotFinite, "NaN").Field("[17]");
  EXPECT_EQ(DetailsOf(InField(part, "vector")).field, "vector[17]");
  EXPECT_TRUE(InField(absl::OkStatus(), "documents[1]").ok());
}

TEST(ErrorTest, QuotedEscapesAndShortensWhatUsersSent) {
  EXPECT_EQ(Quoted("a\n\"b\""), "\"a\\x0a\\\"b\\\"\"");
  EXPECT_EQ(Quoted(std::string(70, 'x')), "\"" + std::string(64, 'x') + "\"...");
}

TEST(ErrorTest, MacrosPassFailuresUpWithTheirDetails) {
  auto fails = []() -> absl::StatusOr<int> {
    return InvalidArgument(reason::kInvalidId, "bad id");
  };
  auto caller = [&]() -> absl::Status {
    KITH_ASSIGN_OR_RETURN(int value, fails());
    return absl::InternalError(std::to_string(value));
  };
  EXPECT_EQ(DetailsOf(caller()).reason, "INVALID_ID");
}

TEST(CallTest, SaysWhyItShouldEnd) {
  Call call;
  EXPECT_TRUE(call.Check().ok());
  call.Cancel();
  EXPECT_EQ(call.Check().code(), absl::StatusCode::kCancelled);
  Call late(Call::Clock::now() - std::chrono::seconds(1));
  EXPECT_EQ(late.Check().code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace kith
