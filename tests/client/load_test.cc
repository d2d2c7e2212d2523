#include "client/cli/bench/load.h"

#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kith/v1/search_service.pb.h"
#include "tests/client/fake_server.h"

namespace kith::cli {
namespace {

LoadOptions Options(FakeServer& server) {
  LoadOptions options;
  options.address = server.Connect()->address();
  options.method = "/kith.v1.SearchService/Search";
  options.warm_up = absl::ZeroDuration();
  return options;
}

std::vector<std::string> Questions(const std::vector<std::string>& texts) {
  std::vector<std::string> requests;
  for (const std::string& text : texts) {
    v1::SearchRequest request;
    request.mutable_query()->set_text(text);
    requests.push_back(request.SerializeAsString());
  }
  return requests;
}

TEST(LoadTest, EveryQuestionIsAskedInTurnAndItsOwnAnswerTaken) {
  FakeServer server;
  const std::vector<std::string> texts = {"a", "b", "c"};
  v1::SearchResponse answer;
  std::set<size_t> asked;
  uint64_t taken = 0;
  const auto result =
      Load(Options(server))
          .Run(4, absl::Milliseconds(300), Questions(texts), &answer, [&](size_t index) {
            EXPECT_EQ(answer.hits(0).document_id(), texts[index]);
            asked.insert(index);
            ++taken;
          });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(asked.size(), texts.size());
  EXPECT_EQ(result->failed, 0u);
  EXPECT_LE(result->calls, taken);  // those under way at the end are taken, not counted
  EXPECT_EQ(result->latencies_ms.size(), result->calls);
  EXPECT_LE(result->Percentile(0.5), result->Percentile(0.99));
}

TEST(LoadTest, CallsThatFailAreCountedApartAndTheFirstIsKept) {
  FakeServer server;
  server.failures = {absl::ResourceExhaustedError("full"), absl::ResourceExhaustedError("full")};
  v1::SearchResponse answer;
  const auto result =
      Load(Options(server)).Run(1, absl::Milliseconds(300), Questions({"a"}), &answer, [](size_t) {
      });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->failed, 2u);
  EXPECT_EQ(result->first_failure.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(result->latencies_ms.size(), result->calls - result->failed);
}

}  // namespace
}  // namespace kith::cli
