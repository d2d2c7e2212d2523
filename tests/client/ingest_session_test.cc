#include "client/cli/ingest_session.h"

#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "tests/client/fake_server.h"

namespace kith::cli {
namespace {

using absl::StatusCode;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(RepairTest, FollowsFromWhatWasRefused) {
  const absl::Status empty = InvalidArgument(reason::kEmptyText, "x");
  const absl::Status large = Error(StatusCode::kResourceExhausted, reason::kMessageTooLarge, "x");
  const absl::Status memory = Error(StatusCode::kResourceExhausted, reason::kMemoryBudget, "x");
  EXPECT_EQ(RepairOf(empty, true, 5), Repair::kDropOne);
  EXPECT_EQ(RepairOf(empty, true, 1), Repair::kReport);
  EXPECT_EQ(RepairOf(empty, false, 5), Repair::kHalve);
  EXPECT_EQ(RepairOf(empty, false, 1), Repair::kReport);
  EXPECT_EQ(RepairOf(large, false, 5), Repair::kHalve);
  EXPECT_EQ(RepairOf(memory, false, 5), Repair::kWait);
  EXPECT_EQ(RepairOf(absl::UnavailableError(""), false, 1), Repair::kWait);
  EXPECT_EQ(RepairOf(absl::NotFoundError(""), false, 5), Repair::kStop);
  EXPECT_EQ(RepairOf(absl::FailedPreconditionError(""), false, 5), Repair::kStop);
}

class IngestSessionTest : public testing::Test {
 protected:
  // Ingests d0, d1, ... tagged 0, 1, ...
  absl::StatusOr<IngestSummary> Run(int count) {
    auto client = server_.Connect();
    auto session = IngestSession::Open(
        *client, "c", [this](uint64_t tag, const std::string& id, const absl::Status& why) {
          EXPECT_EQ(id, "d" + std::to_string(tag));
          reported_.emplace_back(tag, DetailsOf(why).reason);
          return on_refused_;
        });
    if (!session.ok()) return session.status();
    for (int i = 0; i < count; ++i) {
      v1::DocumentInput document;
      document.set_id("d" + std::to_string(i));
      const absl::Status status = (*session)->Add(std::move(document), static_cast<uint64_t>(i));
      if (!status.ok()) return status;
    }
    return (*session)->Finish();
  }

  // Refuses batches that hold a bad document; says which one it is if `tells`.
  void RefuseDocuments(std::set<std::string> bad, bool tells) {
    server_.on_batch = [bad = std::move(bad), tells](const v1::IngestBatch& batch) {
      Verdict verdict;
      for (int i = 0; i < batch.documents_size() && verdict.refusal.ok(); ++i) {
        if (!bad.contains(batch.documents(i).id())) continue;
        verdict.refusal = InvalidArgument(reason::kEmptyText, "nothing to embed");
        if (tells) verdict.failed_document = i;
      }
      return verdict;
    };
  }

  FakeServer server_;
  absl::Status on_refused_;
  std::vector<std::pair<uint64_t, std::string>> reported_;
};

TEST_F(IngestSessionTest, DocumentsInTheCompanyOfABadOneGetInAllTheSame) {
  server_.batch_documents = 5;
  RefuseDocuments({"d1", "d3", "d9"}, /*tells=*/true);
  const auto summary = Run(12);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(reported_, UnorderedElementsAre(Pair(1, "EMPTY_TEXT"), Pair(3, "EMPTY_TEXT"),
                                              Pair(9, "EMPTY_TEXT")));
  EXPECT_THAT(server_.committed,
              UnorderedElementsAre("d0", "d2", "d4", "d5", "d6", "d7", "d8", "d10", "d11"));
  EXPECT_EQ(summary->accepted, 9u);
  EXPECT_EQ(summary->refused, 3u);
  EXPECT_EQ(summary->passages, 27u);
}

TEST_F(IngestSessionTest, ABadDocumentIsFoundByHalvingIfTheServerDoesNotSayWhich) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::set<std::string> bad;
  std::set<std::string> good;
  for (int i = 0; i < 100; ++i) {
    (random() % 10 == 0 ? bad : good).insert("d" + std::to_string(i));
  }
  server_.batch_documents = 16;
  RefuseDocuments(bad, /*tells=*/false);
  const auto summary = Run(100);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(std::set<std::string>(server_.committed.begin(), server_.committed.end()), good);
  EXPECT_EQ(server_.committed.size(), good.size()) << "none is written twice";
  EXPECT_EQ(reported_.size(), bad.size());
}

TEST_F(IngestSessionTest, AnErrorOfTheReportEndsTheSession) {
  RefuseDocuments({"d0"}, /*tells=*/true);
  on_refused_ = absl::FailedPreconditionError("strict");
  EXPECT_EQ(Run(4).status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(IngestSessionTest, ARefusalThatConcernsEveryDocumentEndsTheSession) {
  server_.on_batch = [](const v1::IngestBatch&) {
    Verdict verdict;
    verdict.refusal = Error(StatusCode::kNotFound, reason::kCollectionNotFound, "dropped");
    return verdict;
  };
  EXPECT_EQ(DetailsOf(Run(10).status()).reason, reason::kCollectionNotFound);
  EXPECT_TRUE(reported_.empty());
}

}  // namespace
}  // namespace kith::cli
