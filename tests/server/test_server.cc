#include "test_server.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <utility>

#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "kith/base/error.h"

namespace kith::rpc {
namespace {

// Only a hang lasts that long.
constexpr std::chrono::seconds kPatience{60};

std::string CodeName(grpc::StatusCode code) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
}

}  // namespace

std::string TinyModel() { return KITH_TEST_DATA "/encoder/tiny-bert-mean"; }

std::unique_ptr<grpc::ClientContext> NewContext() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + kPatience);
  return context;
}

v1::ErrorInfo InfoOf(const grpc::Status& status) {
  v1::ErrorStatus details;
  v1::ErrorInfo info;
  if (!details.ParseFromString(status.error_details())) return info;
  for (const auto& detail : details.details()) {
    if (detail.type_url() == "type.googleapis.com/google.rpc.ErrorInfo") {
      info.ParseFromString(detail.value());
    }
  }
  return info;
}

std::string Outcome(const grpc::Status& status) {
  if (status.ok()) return "OK";
  const std::string reason = InfoOf(status).reason();
  return CodeName(status.error_code()) + (reason.empty() ? "" : " " + reason);
}

grpc::Status CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                     const std::string& request, std::string* response) {
  const grpc::Slice slice(request);
  const grpc::ByteBuffer out(&slice, 1);
  grpc::ByteBuffer in;
  const auto context = NewContext();
  std::promise<grpc::Status> done;
  grpc::GenericStub(channel).UnaryCall(context.get(), method, grpc::StubOptions(), &out, &in,
                                       [&](grpc::Status status) { done.set_value(status); });
  grpc::Status status = done.get_future().get();
  if (status.ok() && response != nullptr) {
    grpc::Slice whole;
    if (in.DumpToSingleSlice(&whole).ok()) {
      response->assign(reinterpret_cast<const char*>(whole.begin()), whole.size());
    }
  }
  return status;
}

std::string Health(const std::shared_ptr<grpc::Channel>& channel, const std::string& service) {
  // HealthCheckRequest{service = 1}, HealthCheckResponse{status = 1}: 1 is SERVING, 2 NOT_SERVING.
  std::string request, response;
  if (!service.empty())
    request = "\x0a" + std::string(1, static_cast<char>(service.size())) + service;
  const grpc::Status status = CallRaw(channel, "/grpc.health.v1.Health/Check", request, &response);
  if (!status.ok()) return CodeName(status.error_code());
  if (response == "\x08\x01") return "SERVING";
  return response == "\x08\x02" ? "NOT_SERVING" : "UNKNOWN";
}

void ServerTest::StartServer(const Configure& configure) {
  config::Config config;
  config.data_dir = (folder_.path() / "data").string();
  config.grpc_address = {"127.0.0.1", 0};
  config.model_dir = TinyModel();
  config.threads = 2;
  config.memory_budget = {uint64_t{1} << 30, 0};
  if (configure) configure(&config);
  auto server = server::Server::Start(config, &log_, {});
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  ASSERT_TRUE(server_->WaitUntilOpen().ok()) << server_->WaitUntilOpen();
  channel_ = NewChannel();
  collections_ = v1::CollectionService::NewStub(channel_);
  documents_ = v1::DocumentService::NewStub(channel_);
  searches_ = v1::SearchService::NewStub(channel_);
  encoder_ = v1::EncoderService::NewStub(channel_);
  admin_ = v1::AdminService::NewStub(channel_);
  // Collections load in the background.
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (Health(channel_, "") != "SERVING") {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "the collections never loaded";
  }
}

bool ServerTest::StopServer(std::chrono::seconds timeout) {
  const bool in_order = server_->Stop(Call::Clock::now() + timeout);
  server_.reset();
  return in_order;
}

std::shared_ptr<grpc::Channel> ServerTest::NewChannel() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // Channels to one address share connections unless told otherwise.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(server_->endpoint().ToString(),
                                   grpc::InsecureChannelCredentials(), arguments);
}

void ServerTest::CreateCollection(const std::string& name, uint32_t dimension, v1::Metric metric) {
  v1::CreateCollectionRequest request;
  v1::CreateCollectionResponse response;
  request.mutable_collection()->set_name(name);
  if (dimension != 0) {
    v1::VectorSpace* space = request.mutable_collection()->add_vector_spaces();
    space->set_dimension(dimension);
    space->set_metric(metric);
  }
  const grpc::Status status =
      collections_->CreateCollection(NewContext().get(), request, &response);
  ASSERT_TRUE(status.ok()) << Outcome(status) << ": " << status.error_message();
}

grpc::Status ServerTest::Upsert(const v1::UpsertDocumentsRequest& request,
                                v1::UpsertDocumentsResponse* response) {
  v1::UpsertDocumentsResponse ignored;
  return documents_->UpsertDocuments(NewContext().get(), request,
                                     response != nullptr ? response : &ignored);
}

grpc::Status ServerTest::Search(const v1::SearchRequest& request, v1::SearchResponse* response) {
  v1::SearchResponse ignored;
  return searches_->Search(NewContext().get(), request, response != nullptr ? response : &ignored);
}

uint64_t ServerTest::Count(const std::string& collection) {
  v1::CountDocumentsRequest request;
  v1::CountDocumentsResponse response;
  request.set_collection(collection);
  const grpc::Status status = documents_->CountDocuments(NewContext().get(), request, &response);
  EXPECT_TRUE(status.ok()) << Outcome(status) << ": " << status.error_message();
  return response.count();
}

}  // namespace kith::rpc
