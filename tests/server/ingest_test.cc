// IngestDocuments over the wire: order, refusals in their place, resuming, protocol errors,
// cancellation, draining.

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test_server.h"

namespace kith::rpc {
namespace {

using testing::HasSubstr;

using Request = v1::IngestDocumentsRequest;
using Response = v1::IngestDocumentsResponse;

class IngestTest : public ServerTest {
 protected:
  // One stream, from start to finish.
  struct Stream {
    std::unique_ptr<grpc::ClientContext> context = NewContext();
    std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> call;

    bool Start(const std::string& collection, const std::string& stream_id = "") {
      Request request;
      request.mutable_start()->set_collection(collection);
      request.mutable_start()->set_stream_id(stream_id);
      return call->Write(request);
    }
    // `count` documents named after the batch.
    bool Batch(uint64_t number, int count, const std::string& prefix = "d") {
      return call->Write(MakeBatch(number, count, prefix));
    }
    Response Read() {
      Response response;
      if (!call->Read(&response)) response.Clear();
      return response;
    }
    grpc::Status Finish() {
      call->WritesDone();
      Response rest;
      while (call->Read(&rest)) {
      }
      return call->Finish();
    }
  };

  Stream Open() {
    Stream stream;
    stream.call = documents_->IngestDocuments(stream.context.get());
    return stream;
  }

  static Request MakeBatch(uint64_t number, int count, const std::string& prefix) {
    Request request;
    request.mutable_batch()->set_number(number);
    for (int i = 0; i < count; ++i) {
      v1::DocumentInput* document = request.mutable_batch()->add_documents();
      document->set_id(prefix + std::to_string(number) + "-" + std::to_string(i));
      for (int j = 0; j < 4; ++j) document->mutable_vector()->add_values(static_cast<float>(j + i));
    }
    return request;
  }

  void SetUp() override {
    StartServer();
    CreateCollection("c", 4);
  }
};

TEST_F(IngestTest, EveryBatchIsAckedInTheOrderSent) {
  Stream stream = Open();
  ASSERT_TRUE(stream.Start("c"));
  const Response started = stream.Read();
  ASSERT_TRUE(started.has_started());
  EXPECT_GE(started.started().pace().max_in_flight(), 1u);
  // Everything is sent before the first ack is read.
  constexpr uint64_t kBatches = 50;
  std::thread writer([&] {
    for (uint64_t number = 1; number <= kBatches; ++number) EXPECT_TRUE(stream.Batch(number, 20));
  });
  uint64_t sequence = 0;
  for (uint64_t number = 1; number <= kBatches; ++number) {
    const Response response = stream.Read();
    ASSERT_TRUE(response.has_ack()) << number;
    const v1::IngestAck& ack = response.ack();
    EXPECT_EQ(ack.batch_number(), number);
    EXPECT_EQ(ack.code(), 0) << ack.message();
    ASSERT_EQ(ack.results_size(), 20);
    EXPECT_EQ(ack.results(7).id(), "d" + std::to_string(number) + "-7");
    EXPECT_EQ(ack.durability(), v1::DURABILITY_SYNCED);
    EXPECT_GE(ack.commit_token().sequence(), sequence);
    sequence = ack.commit_token().sequence();
  }
  writer.join();
  EXPECT_EQ(Outcome(stream.Finish()), "OK");
  EXPECT_EQ(Count("c"), kBatches * 20);
}

TEST_F(IngestTest, ARefusedBatchIsAckedInItsPlaceAndTheStreamGoesOn) {
  Stream stream = Open();
  ASSERT_TRUE(stream.Start("c"));
  ASSERT_TRUE(stream.Read().has_started());
  Request bad_form = MakeBatch(2, 3, "d");  // judged by this layer
  bad_form.mutable_batch()->mutable_documents(1)->mutable_vector()->set_i8("abcd");
  Request bad_dimension = MakeBatch(3, 3, "d");  // judged by the engine
  bad_dimension.mutable_batch()->mutable_documents(2)->mutable_vector()->add_values(5);
  Request empty = MakeBatch(5, 0, "d");
  ASSERT_TRUE(stream.Batch(1, 2));
  ASSERT_TRUE(stream.call->Write(bad_form));
  ASSERT_TRUE(stream.call->Write(bad_dimension));
  ASSERT_TRUE(stream.Batch(4, 2));
  ASSERT_TRUE(stream.call->Write(empty));
  ASSERT_TRUE(stream.Batch(6, 2));

  struct Want {
    const char* reason;
    int document;  // -1: none at fault
  };
  const Want wants[] = {{"", -1}, {"INVALID_REQUEST", 1}, {"DIMENSION_MISMATCH", 2},
                        {"", -1}, {"EMPTY_BATCH", -1},    {"", -1}};
  uint64_t number = 0;
  for (const Want& want : wants) {
    const Response response = stream.Read();
    ASSERT_TRUE(response.has_ack());
    EXPECT_EQ(response.ack().batch_number(), ++number);
    EXPECT_EQ(response.ack().reason(), want.reason) << response.ack().message();
    EXPECT_EQ(response.ack().code() == 0, *want.reason == '\0');
    EXPECT_EQ(response.ack().has_failed_document(), want.document >= 0);
    if (want.document >= 0) {
      EXPECT_EQ(response.ack().failed_document(), static_cast<uint32_t>(want.document));
    }
  }
  EXPECT_EQ(Outcome(stream.Finish()), "OK");
  EXPECT_EQ(Count("c"), 6u);
}

TEST_F(IngestTest, AResumedStreamIsAnsweredWhatWasCommittedAndWritesTheRest) {
  std::string etag;
  {
    Stream stream = Open();
    ASSERT_TRUE(stream.Start("c", "loader-1"));
    ASSERT_TRUE(stream.Read().has_started());
    ASSERT_TRUE(stream.Batch(1, 3));
    ASSERT_TRUE(stream.Batch(2, 3));
    stream.Read();
    etag = stream.Read().ack().results(0).etag();
    EXPECT_EQ(Outcome(stream.Finish()), "OK");
  }
  Stream stream = Open();
  ASSERT_TRUE(stream.Start("c", "loader-1"));
  ASSERT_TRUE(stream.Read().has_started());
  ASSERT_TRUE(stream.Batch(2, 3));  // the client did not see this ack
  ASSERT_TRUE(stream.Batch(3, 3));
  const Response again = stream.Read();
  EXPECT_EQ(again.ack().code(), 0) << again.ack().message();
  EXPECT_EQ(again.ack().results(0).etag(), etag) << "it was written a second time";
  EXPECT_EQ(stream.Read().ack().batch_number(), 3u);
  EXPECT_EQ(Outcome(stream.Finish()), "OK");
  EXPECT_EQ(Count("c"), 9u);
}

TEST_F(IngestTest, MessagesOutOfOrderEndTheStream) {
  struct Case {
    const char* name;
    std::vector<Request> requests;
    const char* message;
  };
  Request start, unknown, nothing, bad_durability;
  start.mutable_start()->set_collection("c");
  unknown.mutable_start()->set_collection("no-such");
  bad_durability = start;
  bad_durability.mutable_start()->set_durability(static_cast<v1::Durability>(9));
  const auto batch = [](uint64_t number) { return MakeBatch(number, 1, "d"); };
  for (const Case& c : {
           Case{"no start", {batch(1)}, "first message must be start"},
           Case{"two starts", {start, start}, "started already"},
           Case{"neither", {nothing}, "neither start nor batch"},
           Case{"number 0", {start, batch(0)}, "batch.number is 0"},
           Case{"not 1", {start, batch(2)}, "batch.number is 2"},
           Case{"a hole", {start, batch(1), batch(3)}, "batch.number is 3: the next batch is 2"},
           Case{"a repeat", {start, batch(1), batch(1)}, "batch.number is 1"},
           Case{"durability", {bad_durability}, "durability"},
       }) {
    Stream stream = Open();
    for (const Request& request : c.requests) stream.call->Write(request);
    const grpc::Status status = stream.Finish();
    EXPECT_EQ(Outcome(status), "INVALID_ARGUMENT INVALID_REQUEST") << c.name;
    EXPECT_THAT(status.error_message(), HasSubstr(c.message)) << c.name;
  }
  Stream stream = Open();
  stream.call->Write(unknown);
  EXPECT_EQ(Outcome(stream.Finish()), "NOT_FOUND COLLECTION_NOT_FOUND");
}

TEST_F(IngestTest, WhatWasTakenBeforeAnErrorIsStillAcked) {
  Stream stream = Open();
  ASSERT_TRUE(stream.Start("c"));
  for (uint64_t number = 1; number <= 5; ++number) ASSERT_TRUE(stream.Batch(number, 2));
  ASSERT_TRUE(stream.Batch(99, 2));
  ASSERT_TRUE(stream.Read().has_started());
  for (uint64_t number = 1; number <= 5; ++number) {
    EXPECT_EQ(stream.Read().ack().batch_number(), number);
  }
  EXPECT_EQ(Outcome(stream.Finish()), "INVALID_ARGUMENT INVALID_REQUEST");
  EXPECT_EQ(Count("c"), 10u);
}

TEST_F(IngestTest, AStreamWithoutBatchesEndsWell) {
  Stream stream = Open();
  ASSERT_TRUE(stream.Start("c"));
  ASSERT_TRUE(stream.Read().has_started());
  EXPECT_EQ(Outcome(stream.Finish()), "OK");
}

TEST_F(IngestTest, ADrainAnswersWhatWasTakenAndSaysSo) {
  Stream stream = Open();
  ASSERT_TRUE(stream.Start("c"));
  ASSERT_TRUE(stream.Read().has_started());
  for (uint64_t number = 1; number <= 5; ++number) {
    ASSERT_TRUE(stream.Batch(number, 2));
    EXPECT_EQ(stream.Read().ack().batch_number(), number);
  }
  // The client keeps the stream open; the server does not wait for it.
  EXPECT_TRUE(StopServer());
  EXPECT_FALSE(stream.Read().has_ack());
  EXPECT_EQ(Outcome(stream.call->Finish()), "UNAVAILABLE DRAINING");
  StartServer();
  EXPECT_EQ(Count("c"), 10u);
}

// Clients that vanish at any moment leave whole batches or none, and a server that serves and
// stops.
TEST_F(IngestTest, ClientsThatVanishLeaveWholeBatchesOnly) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  constexpr int kClients = 6, kRounds = 15, kDocuments = 7;
  std::atomic<uint64_t> acked{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&, client] {
      std::mt19937 random(seed + static_cast<uint32_t>(client));
      for (int round = 0; round < kRounds; ++round) {
        const std::string prefix = std::to_string(client) + "/" + std::to_string(round) + "/";
        Stream stream = Open();
        stream.Start("c");
        const uint64_t batches = random() % 8;
        for (uint64_t number = 1; number <= batches; ++number) {
          if (!stream.Batch(number, kDocuments, prefix)) break;
        }
        for (uint32_t reads = random() % 10; reads > 0; --reads) {
          const Response response = stream.Read();
          if (response.has_ack() && response.ack().code() == 0) ++acked;
          if (!response.has_ack() && !response.has_started()) break;
          if (reads > batches + 1) break;  // nothing more would come
        }
        if (random() % 3 != 0) {
          stream.context->TryCancel();
        } else {
          stream.call->WritesDone();
          stream.context->TryCancel();
        }
        stream.call->Finish();
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(Health(channel_, ""), "SERVING");
  EXPECT_TRUE(StopServer());
  StartServer();
  const uint64_t count = Count("c");
  EXPECT_EQ(count % kDocuments, 0u) << "half a batch";
  EXPECT_GE(count, acked * kDocuments) << "an acknowledged batch is gone";
}

}  // namespace
}  // namespace kith::rpc
