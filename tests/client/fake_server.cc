#include "tests/client/fake_server.h"

#include <utility>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "kith/v1/error_details.pb.h"

namespace kith {
namespace {

void Pack(const google::protobuf::Message& message, const std::string& type,
          v1::ErrorStatus& into) {
  auto& any = *into.add_details();
  any.set_type_url("type.googleapis.com/google.rpc." + type);
  any.set_value(message.SerializeAsString());
}

v1::IngestAck AckOf(const v1::IngestBatch& batch, const Verdict& verdict) {
  v1::IngestAck ack;
  ack.set_batch_number(batch.number() + verdict.number_offset);
  if (verdict.refusal.ok()) {
    for (const v1::DocumentInput& document : batch.documents()) {
      v1::UpsertResult& result = *ack.add_results();
      result.set_id(document.id());
      result.set_created(true);
      result.set_passage_count(3);
    }
    ack.mutable_commit_token()->set_sequence(batch.number());
  } else {
    ack.set_code(verdict.refusal.raw_code());
    ack.set_message(std::string(verdict.refusal.message()));
    ack.set_reason(DetailsOf(verdict.refusal).reason);
    if (verdict.failed_document >= 0) {
      ack.set_failed_document(static_cast<uint32_t>(verdict.failed_document));
    }
  }
  return ack;
}

}  // namespace

grpc::Status ToWire(const absl::Status& status) {
  const ErrorDetails details = DetailsOf(status);
  v1::ErrorStatus wire;
  if (!details.reason.empty()) {
    v1::ErrorInfo info;
    info.set_reason(details.reason);
    info.mutable_metadata()->insert(details.metadata.begin(), details.metadata.end());
    Pack(info, "ErrorInfo", wire);
  }
  if (details.retry_after > absl::ZeroDuration()) {
    v1::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(details.retry_after));
    Pack(retry, "RetryInfo", wire);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()),
                      std::string(status.message()), wire.SerializeAsString());
}

class FakeServer::Documents : public v1::DocumentService::Service {
 public:
  explicit Documents(FakeServer& fake) : fake_(fake) {}

  grpc::Status UpsertDocuments(grpc::ServerContext*, const v1::UpsertDocumentsRequest* request,
                               v1::UpsertDocumentsResponse* response) override {
    absl::MutexLock lock(&fake_.mu_);
    fake_.request_ids.push_back(request->request_id());
    for (const auto& document : request->documents())
      response->add_results()->set_id(document.id());
    return fake_.Unary();
  }
  grpc::Status IngestDocuments(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::IngestDocumentsResponse, v1::IngestDocumentsRequest>* stream)
      override {
    return fake_.Ingest(stream);
  }

 private:
  FakeServer& fake_;
};

class FakeServer::Searches : public v1::SearchService::Service {
 public:
  explicit Searches(FakeServer& fake) : fake_(fake) {}
  grpc::Status Search(grpc::ServerContext*, const v1::SearchRequest* request,
                      v1::SearchResponse* response) override {
    absl::MutexLock lock(&fake_.mu_);
    response->add_hits()->set_document_id(request->query().text());
    return fake_.Unary();
  }

 private:
  FakeServer& fake_;
};

class FakeServer::Collections : public v1::CollectionService::Service {
 public:
  explicit Collections(FakeServer& fake) : fake_(fake) {}
  grpc::Status CreateCollection(grpc::ServerContext*, const v1::CreateCollectionRequest* request,
                                v1::CreateCollectionResponse* response) override {
    absl::MutexLock lock(&fake_.mu_);
    *response->mutable_collection() = request->collection();
    return fake_.Unary();
  }

 private:
  FakeServer& fake_;
};

FakeServer::FakeServer()
    : documents_(std::make_unique<Documents>(*this)),
      searches_(std::make_unique<Searches>(*this)),
      collections_(std::make_unique<Collections>(*this)) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(documents_.get());
  builder.RegisterService(searches_.get());
  builder.RegisterService(collections_.get());
  server_ = builder.BuildAndStart();
}

FakeServer::~FakeServer() { server_->Shutdown(); }

std::unique_ptr<client::Client> FakeServer::Connect(client::ClientOptions options) {
  options.sleep = [this](absl::Duration pause) {
    absl::MutexLock lock(&mu_);
    pauses.push_back(pause);
  };
  options.random = [] { return 1.0; };
  auto client = client::Client::Connect("127.0.0.1:" + std::to_string(port_), std::move(options));
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

grpc::Status FakeServer::Unary() {
  ++calls;
  if (failures.empty()) return grpc::Status::OK;
  const absl::Status failure = failures.front();
  failures.pop_front();
  return ToWire(failure);
}

Verdict FakeServer::Take(const std::string& stream_id, const v1::IngestBatch& batch) {
  absl::MutexLock lock(&mu_);
  batch_numbers.push_back(batch.number());
  uint64_t& last = last_committed_[stream_id];
  if (batch.number() <= last) return Verdict();
  EXPECT_EQ(batch.number(), last + 1) << "batches come in order, without holes";
  const Verdict verdict = on_batch(batch);
  if (verdict.commit) {
    last = batch.number();
    if (verdict.refusal.ok()) {
      for (const auto& document : batch.documents()) committed.push_back(document.id());
    }
  }
  return verdict;
}

grpc::Status FakeServer::Ingest(
    grpc::ServerReaderWriter<v1::IngestDocumentsResponse, v1::IngestDocumentsRequest>* stream) {
  v1::IngestDocumentsRequest request;
  if (!stream->Read(&request) || !request.has_start()) {
    return ToWire(absl::InvalidArgumentError("no start"));
  }
  const v1::IngestStart start = request.start();
  v1::IngestDocumentsResponse response;
  {
    absl::MutexLock lock(&mu_);
    starts.push_back(start);
    if (!failures.empty()) {
      const absl::Status failure = failures.front();
      failures.pop_front();
      return ToWire(failure);
    }
    response.mutable_started()->mutable_pace()->set_max_in_flight(max_in_flight);
    response.mutable_started()->mutable_pace()->set_batch_documents(batch_documents);
  }
  stream->Write(response);

  std::deque<v1::IngestAck> waiting;
  const auto answer = [&] {
    for (; !waiting.empty(); waiting.pop_front()) {
      v1::IngestDocumentsResponse ack;
      *ack.mutable_ack() = waiting.front();
      stream->Write(ack);
    }
  };
  while (stream->Read(&request)) {
    const Verdict verdict = Take(start.stream_id(), request.batch());
    if (!verdict.answer) return ToWire(absl::UnavailableError("the connection broke"));
    waiting.push_back(AckOf(request.batch(), verdict));
    if (waiting.size() >= withhold) answer();
  }
  answer();
  return grpc::Status::OK;
}

}  // namespace kith
