#include "client/cpp/ingest_stream.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "client/cpp/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "tests/client/fake_server.h"

namespace kith::client {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

v1::DocumentInput Document(const std::string& id, size_t text_bytes = 10) {
  v1::DocumentInput document;
  document.set_id(id);
  document.set_text(std::string(text_bytes, 'x'));
  return document;
}

std::vector<std::string> Ids(int count) {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i) ids.push_back("d" + std::to_string(i));
  return ids;
}

class IngestStreamTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<IngestStream>> Open(ClientOptions client_options = {}) {
    client_ = server_.Connect(std::move(client_options));
    IngestOptions options = options_;
    options.collection = "c";
    options.on_ack = [this](const IngestedBatch& batch) {
      acked_numbers_.push_back(batch.number);
      for (const uint64_t tag : batch.tags) acked_tags_.push_back(tag);
      if (!batch.status.ok()) refusals_.push_back(batch.status);
      EXPECT_EQ(batch.tags.size(), static_cast<size_t>(batch.documents.size()));
    };
    return client_->Ingest(std::move(options));
  }

  // Pushes d0, d1, ... tagged 0, 1, ...
  absl::Status PushAll(IngestStream& stream, int count) {
    for (int i = 0; i < count; ++i) {
      const absl::Status status = stream.Push(Document("d" + std::to_string(i)), i);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  FakeServer server_;
  IngestOptions options_;
  std::unique_ptr<Client> client_;
  // Of the stream's reader thread; read after Finish, or when the stream is gone.
  std::vector<uint64_t> acked_numbers_;
  std::vector<uint64_t> acked_tags_;
  std::vector<absl::Status> refusals_;
};

TEST_F(IngestStreamTest, DocumentsArriveOnceInOrderAndAreAcknowledgedInOrder) {
  auto stream = Open();
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE(PushAll(**stream, 7).ok());
  const auto totals = (*stream)->Finish();
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_EQ(server_.committed, Ids(7));
  EXPECT_THAT(acked_tags_, ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(acked_numbers_, ElementsAre(1, 2, 3, 4)) << "the server advised batches of two";
  EXPECT_EQ(totals->accepted_documents, 7u);
  EXPECT_EQ(totals->created_documents, 7u);
  EXPECT_EQ(totals->passages, 21u);
  EXPECT_EQ(totals->batches, 4u);
  EXPECT_EQ(totals->resumed, 0u);
  EXPECT_EQ(totals->commit_token.sequence(), 4u);
  EXPECT_EQ(server_.starts.at(0).collection(), "c");
  EXPECT_EQ(server_.starts.at(0).stream_id().size(), 32u);
}

TEST_F(IngestStreamTest, AStreamWithoutDocumentsEndsWell) {
  auto stream = Open();
  ASSERT_TRUE(stream.ok());
  const auto totals = (*stream)->Finish();
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_EQ(totals->batches, 0u);
  EXPECT_EQ((*stream)->Push(Document("late")).code(), StatusCode::kFailedPrecondition);
}

TEST_F(IngestStreamTest, BatchesEndAtTheirBytesAndAtARepeatedId) {
  server_.batch_documents = 100;
  options_.max_batch_bytes = 1000;
  auto stream = Open();
  ASSERT_TRUE(stream.ok());
  std::vector<int> sizes;
  server_.on_batch = [&](const v1::IngestBatch& batch) {
    sizes.push_back(batch.documents_size());
    return Verdict();
  };
  for (const char* id : {"a", "b", "c", "c", "d"}) {
    ASSERT_TRUE((*stream)->Push(Document(id, id[0] == 'b' ? 990 : 10)).ok());
  }
  ASSERT_TRUE((*stream)->Finish().ok());
  EXPECT_THAT(sizes, ElementsAre(1, 1, 1, 2));
  EXPECT_THAT(server_.committed, ElementsAre("a", "b", "c", "c", "d"));
}

TEST_F(IngestStreamTest, PushBlocksWhileTooManyBatchesAreUnanswered) {
  constexpr int kDocuments = 60;
  server_.batch_documents = 1;
  server_.max_in_flight = 3;
  server_.withhold = 3;  // the answers to three batches come together
  std::atomic<int> pushed{0};
  std::atomic<int> most_ahead{0};
  client_ = server_.Connect();
  IngestOptions options;
  int answered = 0;
  options.on_ack = [&](const IngestedBatch&) {
    // This batch and those after it are unanswered: three at most have been pushed and not returned
    // from.
    most_ahead = std::max(most_ahead.load(), pushed.load() - answered);
    ++answered;
  };
  auto stream = client_->Ingest(std::move(options));
  ASSERT_TRUE(stream.ok());
  for (int i = 0; i < kDocuments; ++i) {
    ASSERT_TRUE((*stream)->Push(Document(std::to_string(i))).ok());
    ++pushed;
  }
  ASSERT_TRUE((*stream)->Finish().ok());
  EXPECT_EQ(answered, kDocuments);
  EXPECT_LE(most_ahead, 3);
  EXPECT_GE(most_ahead, 1);
}

TEST_F(IngestStreamTest, ARefusedBatchIsToldAndTheStreamGoesOn) {
  server_.on_batch = [](const v1::IngestBatch& batch) {
    Verdict verdict;
    if (batch.number() == 2) {
      verdict.refusal = InvalidArgument(reason::kEmptyText, "nothing to embed");
      verdict.failed_document = 1;
    }
    return verdict;
  };
  auto stream = Open();
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE(PushAll(**stream, 6).ok());
  const auto totals = (*stream)->Finish();
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_THAT(server_.committed, ElementsAre("d0", "d1", "d4", "d5"));
  EXPECT_EQ(totals->accepted_documents, 4u);
  EXPECT_EQ(totals->refused_documents, 2u);
  ASSERT_EQ(refusals_.size(), 1u);
  EXPECT_EQ(DetailsOf(refusals_[0]).reason, reason::kEmptyText);
  EXPECT_EQ(DetailsOf(refusals_[0]).field, "documents[1]");
}

// The connection breaks at a batch, once before and once after it is committed.
TEST_F(IngestStreamTest, ABrokenStreamIsResumedAndNothingIsLostOrWrittenTwice) {
  int breaks = 0;
  server_.on_batch = [&](const v1::IngestBatch& batch) {
    Verdict verdict;
    if (batch.number() == 3 && breaks == 0) {
      ++breaks;
      verdict.commit = verdict.answer = false;
    } else if (batch.number() == 5 && breaks == 1) {
      ++breaks;
      verdict.answer = false;
    }
    return verdict;
  };
  auto stream = Open();
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE(PushAll(**stream, 40).ok());
  const auto totals = (*stream)->Finish();
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_EQ(breaks, 2);
  EXPECT_EQ(server_.committed, Ids(40));
  EXPECT_EQ(acked_tags_.size(), 40u);
  EXPECT_TRUE(std::is_sorted(acked_tags_.begin(), acked_tags_.end()));
  EXPECT_EQ(totals->accepted_documents, 40u);
  EXPECT_EQ(totals->resumed, 2u);
  ASSERT_EQ(server_.starts.size(), 3u);
  EXPECT_EQ(server_.starts[1].stream_id(), server_.starts[0].stream_id());
  EXPECT_EQ(server_.starts[2].stream_id(), server_.starts[0].stream_id());
}

TEST_F(IngestStreamTest, AStreamThatNeverGetsFurtherGivesUp) {
  server_.on_batch = [](const v1::IngestBatch&) {
    Verdict verdict;
    verdict.commit = verdict.answer = false;
    return verdict;
  };
  ClientOptions options;
  options.retry.max_stream_attempts = 4;
  auto stream = Open(options);
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE(PushAll(**stream, 2).ok());
  EXPECT_TRUE(absl::IsUnavailable((*stream)->Finish().status()));
  EXPECT_EQ(server_.starts.size(), 4u);
  EXPECT_EQ(server_.pauses.size(), 3u);
  EXPECT_TRUE(absl::IsUnavailable((*stream)->Push(Document("x")))) << "the end is final";
}

TEST_F(IngestStreamTest, AStartThatIsRefusedIsTheErrorOfOpening) {
  server_.failures = {Error(StatusCode::kNotFound, reason::kCollectionNotFound, "no \"c\"")};
  const auto stream = Open();
  EXPECT_EQ(DetailsOf(stream.status()).reason, reason::kCollectionNotFound);
  EXPECT_EQ(server_.starts.size(), 1u);
}

TEST_F(IngestStreamTest, AStartIsTriedAgainWhileTheServerIsLoading) {
  server_.failures.assign(2,
                          Error(StatusCode::kUnavailable, reason::kCollectionLoading, "loading"));
  auto stream = Open();
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_EQ(server_.starts.size(), 3u);
  EXPECT_EQ((*stream)->Finish()->resumed, 0u);
}

TEST_F(IngestStreamTest, AServerThatAnswersForAnotherBatchIsNotBelieved) {
  server_.on_batch = [](const v1::IngestBatch&) {
    Verdict verdict;
    verdict.number_offset = 1;
    return verdict;
  };
  auto stream = Open();
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE(PushAll(**stream, 2).ok());
  EXPECT_EQ((*stream)->Finish().status().code(), StatusCode::kInternal);
  EXPECT_TRUE(acked_numbers_.empty());
}

TEST_F(IngestStreamTest, ADocumentAtFaultOutsideOfTheBatchIsNotBelieved) {
  server_.on_batch = [](const v1::IngestBatch& batch) {
    Verdict verdict;
    verdict.refusal = InvalidArgument(reason::kEmptyText, "x");
    verdict.failed_document = batch.documents_size();
    return verdict;
  };
  auto stream = Open();
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE(PushAll(**stream, 2).ok());
  EXPECT_EQ((*stream)->Finish().status().code(), StatusCode::kInternal);
}

TEST_F(IngestStreamTest, ADocumentTooLargeForAMessageIsRefusedAndTheStreamGoesOn) {
  ClientOptions options;
  options.max_request_bytes = 2000;
  auto stream = Open(options);
  ASSERT_TRUE(stream.ok());
  const absl::Status status = (*stream)->Push(Document("big", 3000));
  EXPECT_EQ(DetailsOf(status).reason, reason::kMessageTooLarge);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  ASSERT_TRUE((*stream)->Push(Document("small", 1800)).ok());
  ASSERT_TRUE((*stream)->Finish().ok());
  EXPECT_THAT(server_.committed, ElementsAre("small"));
}

TEST_F(IngestStreamTest, AStreamCanBeDroppedAtAnyTime) {
  server_.withhold = 100;  // the answers never come
  auto stream = Open();
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE(PushAll(**stream, 5).ok());
  stream->reset();
  EXPECT_TRUE(acked_numbers_.empty());
}

}  // namespace
}  // namespace kith::client
