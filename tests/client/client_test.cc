#include "client/cpp/client.h"

#include <set>
#include <string>

#include "client/cpp/wire_status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "tests/client/fake_server.h"

namespace kith::client {
namespace {

using absl::StatusCode;

v1::SearchRequest Question(const std::string& text) {
  v1::SearchRequest request;
  request.mutable_query()->set_text(text);
  return request;
}

v1::UpsertDocumentsRequest Upsert(const std::string& id) {
  v1::UpsertDocumentsRequest request;
  request.add_documents()->set_id(id);
  return request;
}

absl::Status Gone() { return absl::UnavailableError("gone"); }

absl::Status Overloaded() {
  return Error(StatusCode::kResourceExhausted, reason::kQueueFull, "full")
      .RetryAfter(absl::Seconds(3));
}

TEST(ClientTest, AddressesThatCannotBeOneAreRefused) {
  for (const char* address :
       {"", "localhost", ":7600", "localhost:", "localhost:0", "localhost:65536", "localhost:x",
        "localhost:-1", "unix:/run/kith", "a b:1"}) {
    EXPECT_EQ(Client::Connect(address).status().code(), StatusCode::kInvalidArgument) << address;
  }
  EXPECT_TRUE(Client::Connect("[::1]:7600").ok());
  EXPECT_TRUE(Client::Connect("localhost:65535").ok());
}

TEST(ClientTest, AReadIsRepeatedWhileTheServerIsUnavailable) {
  FakeServer server;
  server.failures = {Gone(), Gone()};
  const auto response = server.Connect()->Search(Question("q"));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->hits(0).document_id(), "q");
  EXPECT_EQ(server.calls, 3);
  EXPECT_THAT(server.pauses,
              testing::ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200)));
}

TEST(ClientTest, AReadIsRepeatedFiveTimesInAll) {
  FakeServer server;
  server.failures.assign(10, Gone());
  EXPECT_TRUE(absl::IsUnavailable(server.Connect()->Search(Question("q")).status()));
  EXPECT_EQ(server.calls, 5);
}

TEST(ClientTest, AWriteIsRepeatedUnderOneRequestId) {
  FakeServer server;
  server.failures = {Gone(), Gone()};
  ASSERT_TRUE(server.Connect()->UpsertDocuments(Upsert("a")).ok());
  ASSERT_EQ(server.request_ids.size(), 3u);
  EXPECT_EQ(server.request_ids[0].size(), 32u);
  EXPECT_EQ(std::set<std::string>(server.request_ids.begin(), server.request_ids.end()).size(), 1u);
}

TEST(ClientTest, EachWriteHasARequestIdOfItsOwnUnlessTheCallerGaveOne) {
  FakeServer server;
  auto client = server.Connect();
  ASSERT_TRUE(client->UpsertDocuments(Upsert("a")).ok());
  ASSERT_TRUE(client->UpsertDocuments(Upsert("a")).ok());
  v1::UpsertDocumentsRequest request = Upsert("a");
  request.set_request_id("mine");
  ASSERT_TRUE(client->UpsertDocuments(request).ok());
  EXPECT_NE(server.request_ids[0], server.request_ids[1]);
  EXPECT_EQ(server.request_ids[2], "mine");
}

TEST(ClientTest, CreatingACollectionIsTriedOnceOnly) {
  FakeServer server;
  server.failures = {Gone()};
  EXPECT_TRUE(absl::IsUnavailable(server.Connect()->CreateCollection({}).status()));
  EXPECT_EQ(server.calls, 1);
}

TEST(ClientTest, AnOverloadedServerIsAskedAgainWhenItAdvises) {
  FakeServer server;
  server.failures = {Overloaded()};
  ASSERT_TRUE(server.Connect()->UpsertDocuments(Upsert("a")).ok());
  EXPECT_THAT(server.pauses, testing::ElementsAre(absl::Seconds(3.75)));
}

TEST(ClientTest, OtherErrorsAreReturnedAtOnceWithTheirDetails) {
  FakeServer server;
  server.failures = {Error(StatusCode::kNotFound, reason::kCollectionNotFound, "no \"a\"")
                         .With("collection", "a")};
  const absl::Status status = server.Connect()->Search(Question("q")).status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(std::string(status.message()), "no \"a\"");
  EXPECT_EQ(DetailsOf(status).reason, reason::kCollectionNotFound);
  EXPECT_EQ(DetailsOf(status).metadata.at("collection"), "a");
  EXPECT_EQ(server.calls, 1);
}

TEST(ClientTest, ARequestOverTheLimitIsNotSent) {
  FakeServer server;
  ClientOptions options;
  options.max_request_bytes = 1000;
  auto client = server.Connect(options);
  const absl::Status status = client->Search(Question(std::string(1001, 'x'))).status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(DetailsOf(status).reason, reason::kMessageTooLarge);
  EXPECT_EQ(DetailsOf(status).metadata.at("allowed_bytes"), "1000");
  EXPECT_EQ(server.calls, 0);
  const size_t around = Question(std::string(500, 'x')).ByteSizeLong() - 500;
  EXPECT_TRUE(client->Search(Question(std::string(1000 - around, 'x'))).ok()) << "at the limit";
}

TEST(ClientTest, AServerThatIsNotThereIsNamed) {
  ClientOptions options;
  options.sleep = [](absl::Duration) {};
  auto client = Client::Connect("127.0.0.1:1", options).value();
  const absl::Status status = client->Search(Question("q")).status();
  EXPECT_TRUE(IsUnreachable(status)) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("127.0.0.1:1"));
}

TEST(ClientTest, HealthOfAServerWithoutTheServiceIsAnError) {
  FakeServer server;
  EXPECT_EQ(server.Connect()->IsServing("").status().code(), StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace kith::client
