#include "client/cli/json.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "client/cli/exit_code.h"
#include "client/cli/failure.h"
#include "client/cpp/vector.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "kith/v1/collection_service.pb.h"
#include "kith/v1/document_service.pb.h"
#include "kith/v1/search_service.pb.h"

namespace kith::cli {
namespace {

TEST(JsonTest, MessagesBecomePlainJson) {
  v1::Document document;
  document.set_id("a");
  document.set_text_bytes(18446744073709551615u);
  document.mutable_create_time()->set_seconds(1714564800);
  document.mutable_create_time()->set_nanos(250'000'000);
  (*document.mutable_metadata())["year"].set_int_value(2024);
  (*document.mutable_metadata())["tags"].mutable_string_list()->add_values("x");
  (*document.mutable_metadata())["ok"].set_bool_value(false);
  *document.add_vectors() = client::PackVector(std::vector<float>{0.1f, -2});
  EXPECT_EQ(Dump(ToJson(document)),
            R"({"id":"a","etag":"","text":"","metadata":{"ok":false,"tags":["x"],"year":2024},)"
            R"("passages":[],"vectors":[[0.1,-2.0]],"create_time":"2024-05-01T12:00:00.25Z",)"
            R"("text_bytes":18446744073709551615,"passage_count":0})");
}

TEST(JsonTest, EnumsAreLowerCaseWords) {
  EXPECT_EQ(WordOf(v1::METRIC_L2), "l2");
  EXPECT_EQ(WordOf(v1::COLLECTION_STATE_READY), "ready");
  EXPECT_EQ(WordOf(v1::STRATEGY_CODE_SCAN), "code_scan");
  EXPECT_EQ(EnumWord(v1::Metric_descriptor(), 77), "77");
}

TEST(JsonTest, HashesAreDigits) {
  v1::GetCollectionStatsResponse stats;
  stats.set_history_hash(0xfedcba9876543210u);
  EXPECT_EQ(ToJson(stats)["history_hash"], "fedcba9876543210");
}

TEST(JsonTest, FloatsReadBackAsTheSameFloats) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::vector<float> values = {0, -0.0f, std::numeric_limits<float>::denorm_min(),
                               std::numeric_limits<float>::max(), 0.1f};
  while (values.size() < 2000) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (std::isfinite(value)) values.push_back(value);
  }
  EXPECT_EQ(Json::parse(FloatsToJson(values)).get<std::vector<float>>(), values);
  EXPECT_EQ(FloatsToJson({}), "[]");
  EXPECT_EQ(FloatsToJson(std::vector<float>{std::nanf("")}), "[null]");
}

TEST(JsonTest, BytesThatAreNotUtf8DoNotThrow) {
  EXPECT_EQ(Dump({{"a", "\xff"}}), "{\"a\":\"\xef\xbf\xbd\"}");
}

TEST(FailureTest, ProgramsGetTheReasonAndItsNumbers) {
  const absl::Status status = InvalidArgument(reason::kDimensionMismatch, "got {} values", 3)
                                  .Field("documents[1].vector")
                                  .With("dimension", 4)
                                  .RetryAfter(absl::Milliseconds(1500));
  EXPECT_EQ(DescribeFailure(status, /*json=*/true),
            R"({"error":{"code":"INVALID_ARGUMENT","reason":"DIMENSION_MISMATCH",)"
            R"("message":"got 3 values","field":"documents[1].vector",)"
            R"("metadata":{"dimension":"4"},"retry_after_s":1.5}})"
            "\n");
  EXPECT_EQ(BriefFailure(status), "got 3 values [DIMENSION_MISMATCH]");
}

TEST(FailureTest, ExitCodesTellTheKindOfFailure) {
  using absl::StatusCode;
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(InvalidArgument(reason::kEmptyText, "x")), 1);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("x")), 1);
  EXPECT_EQ(ExitCodeOf(UsageError("x")), 2);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("connection refused")), 3);
  // A server that answers UNAVAILABLE was reached.
  EXPECT_EQ(ExitCodeOf(Error(StatusCode::kUnavailable, reason::kCollectionLoading, "x")), 1);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("x")), 4);
  EXPECT_EQ(ExitCodeOf(absl::AlreadyExistsError("x")), 5);
  EXPECT_EQ(ExitCodeOf(absl::AbortedError("x")), 5);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("x")), 6);
}

}  // namespace
}  // namespace kith::cli
