#include "client/cpp/retry.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"

namespace kith::client {
namespace {

using absl::StatusCode;

absl::Status Overloaded(absl::Duration advice) {
  return Error(StatusCode::kResourceExhausted, reason::kQueueFull, "full").RetryAfter(advice);
}

TEST(RetryTest, OnlyWhatIsSafeIsWorthRetrying) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<StatusCode>(code), "");
    EXPECT_EQ(IsWorthRetrying(status, Repeatable::kYes), absl::IsUnavailable(status)) << status;
    EXPECT_FALSE(IsWorthRetrying(status, Repeatable::kNo)) << status;
  }
  EXPECT_FALSE(IsWorthRetrying(absl::OkStatus(), Repeatable::kYes));
  EXPECT_TRUE(IsWorthRetrying(Overloaded(absl::Seconds(1)), Repeatable::kYes));
  EXPECT_TRUE(IsWorthRetrying(Overloaded(absl::Seconds(1)), Repeatable::kNo)) << "it was refused";
}

TEST(RetryTest, PausesDoubleUpToTheirLimitWithJitter) {
  RetryOptions options;
  options.first_pause = absl::Milliseconds(100);
  options.max_pause = absl::Seconds(1);
  const absl::Status status = absl::UnavailableError("");
  EXPECT_EQ(PauseAfter(status, 1, options, 0), absl::Milliseconds(50));
  EXPECT_EQ(PauseAfter(status, 1, options, 1), absl::Milliseconds(100));
  EXPECT_EQ(PauseAfter(status, 3, options, 1), absl::Milliseconds(400));
  EXPECT_EQ(PauseAfter(status, 5, options, 1), absl::Seconds(1));
  EXPECT_EQ(PauseAfter(status, 1'000'000, options, 1), absl::Seconds(1));
}

TEST(RetryTest, TheServersAdviceWinsIfItIsLonger) {
  const RetryOptions options;
  EXPECT_EQ(PauseAfter(Overloaded(absl::Seconds(2)), 1, options, 0), absl::Seconds(2));
  EXPECT_EQ(PauseAfter(Overloaded(absl::Seconds(2)), 1, options, 1), absl::Seconds(2.5));
  EXPECT_EQ(PauseAfter(Overloaded(absl::Milliseconds(1)), 1, options, 1), options.first_pause);
}

class CallWithRetriesTest : public testing::Test {
 protected:
  CallWithRetriesTest() {
    options_.sleep = [this](absl::Duration pause) { pauses_.push_back(pause); };
    options_.random = [] { return 1.0; };
  }

  // Attempts end in these, one after the other.
  absl::Status Run(std::vector<absl::Status> outcomes, absl::Duration timeout = absl::Hours(1)) {
    return CallWithRetries(options_, Repeatable::kYes, timeout, [&, this](absl::Duration left) {
      EXPECT_LE(left, timeout);
      return outcomes.at(attempts_++);
    });
  }

  ClientOptions options_;
  std::vector<absl::Duration> pauses_;
  size_t attempts_ = 0;
};

TEST_F(CallWithRetriesTest, SucceedsAfterFailuresThatPass) {
  const absl::Status gone = absl::UnavailableError("");
  EXPECT_TRUE(Run({gone, gone, absl::OkStatus()}).ok());
  EXPECT_THAT(pauses_, testing::ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200)));
}

TEST_F(CallWithRetriesTest, StopsAtAFailureThatStays) {
  EXPECT_EQ(Run({absl::UnavailableError(""), absl::NotFoundError("")}).code(),
            StatusCode::kNotFound);
  EXPECT_EQ(attempts_, 2u);
}

TEST_F(CallWithRetriesTest, GivesUpAfterItsAttempts) {
  EXPECT_TRUE(absl::IsUnavailable(Run(std::vector<absl::Status>(9, absl::UnavailableError("")))));
  EXPECT_EQ(attempts_, 5u);
  EXPECT_EQ(pauses_.size(), 4u);
}

TEST_F(CallWithRetriesTest, DoesNotBeginAPauseThatWouldPassTheDeadline) {
  const absl::Status status = Run({Overloaded(absl::Hours(2))});
  EXPECT_EQ(DetailsOf(status).reason, reason::kQueueFull);
  EXPECT_TRUE(pauses_.empty());
}

}  // namespace
}  // namespace kith::client
