#include "client/cpp/wire_status.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "kith/v1/error_details.pb.h"

namespace kith::client {
namespace {

using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

void Pack(const google::protobuf::Message& message, const std::string& type,
          v1::ErrorStatus& into) {
  auto& any = *into.add_details();
  any.set_type_url("type.googleapis.com/google.rpc." + type);
  any.set_value(message.SerializeAsString());
}

v1::ErrorInfo Info() {
  v1::ErrorInfo info;
  info.set_reason("DIMENSION_MISMATCH");
  info.set_domain("kith");
  (*info.mutable_metadata())["dimension"] = "384";
  (*info.mutable_metadata())["actual"] = "383";
  return info;
}

TEST(WireStatusTest, DetailsBecomeWhatDetailsOfReads) {
  v1::ErrorStatus wire;
  Pack(Info(), "ErrorInfo", wire);
  v1::BadRequest bad_request;
  bad_request.add_field_violations()->set_field("documents[3].vector");
  Pack(bad_request, "BadRequest", wire);
  v1::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(250'000'000);
  Pack(retry, "RetryInfo", wire);
  Pack(retry, "SomethingNew", wire);

  const absl::Status status = FromWire(3, "got 383 values", wire.SerializeAsString());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()), "got 383 values");
  const ErrorDetails details = DetailsOf(status);
  EXPECT_EQ(details.reason, "DIMENSION_MISMATCH");
  EXPECT_EQ(details.field, "documents[3].vector");
  EXPECT_EQ(details.retry_after, absl::Milliseconds(250));
  EXPECT_THAT(details.metadata,
              UnorderedElementsAre(Pair("dimension", "384"), Pair("actual", "383")));
}

TEST(WireStatusTest, EveryCodeKeepsItsNumber) {
  EXPECT_TRUE(FromWire(0, "ignored", "").ok());
  for (int code = 1; code <= 16; ++code) EXPECT_EQ(FromWire(code, "m", "").raw_code(), code);
  EXPECT_EQ(FromWire(17, "m", "").code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(FromWire(-1, "m", "").code(), absl::StatusCode::kUnknown);
}

TEST(WireStatusTest, DetailsOfABrokenPeerAreLeftOut) {
  v1::ErrorStatus wire;
  Pack(Info(), "ErrorInfo", wire);
  const std::string whole = wire.SerializeAsString();
  for (size_t cut = 1; cut < whole.size(); ++cut) {
    EXPECT_EQ(FromWire(5, "m", whole.substr(0, cut)).code(), absl::StatusCode::kNotFound);
  }
  wire.mutable_details(0)->set_value("\xff\xff\xff");
  EXPECT_EQ(DetailsOf(FromWire(5, "m", wire.SerializeAsString())).reason, "");
}

TEST(WireStatusTest, AdviceStaysWithinBounds) {
  for (const int64_t seconds : {int64_t{-5}, int64_t{1} << 62}) {
    v1::ErrorStatus wire;
    Pack(Info(), "ErrorInfo", wire);
    v1::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(seconds);
    Pack(retry, "RetryInfo", wire);
    const absl::Duration advice = DetailsOf(FromWire(8, "m", wire.SerializeAsString())).retry_after;
    EXPECT_EQ(advice, seconds < 0 ? absl::ZeroDuration() : absl::Minutes(10));
  }
}

TEST(WireStatusTest, UnreachableIsToldFromAnAnswer) {
  const absl::Status gone = absl::UnavailableError("Connection refused");
  const absl::Status loading =
      Error(absl::StatusCode::kUnavailable, reason::kCollectionLoading, "loading");
  EXPECT_TRUE(IsUnreachable(gone));
  EXPECT_FALSE(IsUnreachable(loading));
  EXPECT_THAT(std::string(Explain(gone, "Search", "host:1").message()),
              HasSubstr("Search: cannot reach a Kith server at host:1: Connection refused"));
  EXPECT_EQ(Explain(loading, "Search", "host:1"), loading);
}

}  // namespace
}  // namespace kith::client
