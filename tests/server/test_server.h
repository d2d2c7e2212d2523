// A server in this process: port 0, a data folder that is removed again, the tiny model (32 values
// a vector); and the words of the tests that talk to it over the wire.

#ifndef KITH_TESTS_SERVER_TEST_SERVER_H_
#define KITH_TESTS_SERVER_TEST_SERVER_H_

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "kith/v1/admin_service.grpc.pb.h"
#include "kith/v1/collection_service.grpc.pb.h"
#include "kith/v1/document_service.grpc.pb.h"
#include "kith/v1/encoder_service.grpc.pb.h"
#include "kith/v1/error_details.pb.h"
#include "kith/v1/search_service.grpc.pb.h"
#include "server/config/config.h"
#include "server/server.h"
#include "server/telemetry/log.h"
#include "tests/support/temp_folder.h"

namespace kith::rpc {

// The tiny model of tests/data.
std::string TinyModel();

// A context with a deadline that only a hang reaches.
std::unique_ptr<grpc::ClientContext> NewContext();

// "CODE REASON", as "INVALID_ARGUMENT EMPTY_TEXT"; "OK".
std::string Outcome(const grpc::Status& status);
// The ErrorInfo in the details; empty if there is none.
v1::ErrorInfo InfoOf(const grpc::Status& status);

// Calls `method` ("/package.Service/Method") with raw bytes.
grpc::Status CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                     const std::string& request, std::string* response);

// SERVING, NOT_SERVING, or the code of the error.
std::string Health(const std::shared_ptr<grpc::Channel>& channel, const std::string& service);

class ServerTest : public testing::Test {
 protected:
  using Configure = std::function<void(config::Config*)>;

  // Starts, and waits until every part serves.
  void StartServer(const Configure& configure = {});
  // Stops in order; the data stays.
  bool StopServer(std::chrono::seconds timeout = std::chrono::seconds(30));

  std::shared_ptr<grpc::Channel> NewChannel();

  // A collection of the tiny model, or of vectors with `dimension` values.
  void CreateCollection(const std::string& name, uint32_t dimension = 0,
                        v1::Metric metric = v1::METRIC_COSINE);
  grpc::Status Upsert(const v1::UpsertDocumentsRequest& request,
                      v1::UpsertDocumentsResponse* response = nullptr);
  grpc::Status Search(const v1::SearchRequest& request, v1::SearchResponse* response = nullptr);
  uint64_t Count(const std::string& collection);

  TempFolder folder_;
  telemetry::Log log_{config::LogFormat::kJson, telemetry::LogLevel::kError};
  std::unique_ptr<server::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::CollectionService::Stub> collections_;
  std::unique_ptr<v1::DocumentService::Stub> documents_;
  std::unique_ptr<v1::SearchService::Stub> searches_;
  std::unique_ptr<v1::EncoderService::Stub> encoder_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace kith::rpc

#endif  // KITH_TESTS_SERVER_TEST_SERVER_H_
