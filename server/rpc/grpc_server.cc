#include "server/rpc/grpc_server.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/impl/server_builder_option.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "kith/base/error.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/collection_service.h"
#include "server/rpc/document_service.h"
#include "server/rpc/encoder_service.h"
#include "server/rpc/library_logs.h"
#include "server/rpc/search_service.h"
#include "server/rpc/tls_credentials.h"
#include "server/rpc/transport.h"

namespace kith::rpc {
namespace {

using grpc::experimental::ExternalConnectionAcceptor;

// gRPC puts reflection on every server of a program that links it; here it is for those who asked.
class Reflection final : public grpc::ServerBuilderOption {
 public:
  explicit Reflection(bool enabled) : enabled_(enabled) {}
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins,
                  [](const auto& plugin) { return plugin->name() == "proto_server_reflection"; });
    if (enabled_) {
      plugins->push_back(std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>());
    }
  }

 private:
  const bool enabled_;
};

std::vector<std::string> HealthNames(Part part) {
  if (part == Part::kControl) {
    return {v1::AdminService::service_full_name(), v1::CollectionService::service_full_name(),
            v1::EncoderService::service_full_name()};
  }
  return {"", v1::DocumentService::service_full_name(), v1::SearchService::service_full_name()};
}

}  // namespace

struct GrpcServer::Impl {
  Impl(const GrpcServerOptions& options, telemetry::Log* log) : gate(options.gate, log) {}

  Gate gate;
  // Below the gate, which their calls use.
  CollectionService collections{&gate};
  DocumentService documents{&gate};
  SearchService searches{&gate};
  EncoderService encoder{&gate};
  AdminService admin{&gate, absl::Now()};
  // Below the services, which it serves; the acceptor outlives it.
  std::unique_ptr<ExternalConnectionAcceptor> acceptor;
  std::unique_ptr<grpc::Server> server;

  absl::Mutex health_mu;
  // Null once health is off for good.
  grpc::HealthCheckServiceInterface* health ABSL_GUARDED_BY(health_mu) = nullptr;
};

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const GrpcServerOptions& options,
                                                              telemetry::Log* log) {
  RouteLibraryLogs(log);
  grpc::EnableDefaultHealthCheckService(true);
  auto impl = std::make_unique<Impl>(options, log);
  grpc::ServerBuilder builder;
  ConfigureTransport({.max_message_bytes = options.gate.max_message_bytes,
                      .memory_bytes = options.transport_memory_bytes,
                      .handshake_timeout = options.handshake_timeout,
                      .idle_timeout = options.idle_timeout},
                     &builder);
  builder.SetOption(std::make_unique<Reflection>(options.reflection));
  for (grpc::Service* service : std::initializer_list<grpc::Service*>{
           &impl->collections, &impl->documents, &impl->searches, &impl->encoder, &impl->admin}) {
    builder.RegisterService(service);
  }
  using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  impl->acceptor = builder.experimental().AddExternalConnectionAcceptor(
      Type::FROM_FD,
      options.tls == nullptr ? grpc::InsecureServerCredentials() : ServerTls(options.tls));
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr) {
    return Error(absl::StatusCode::kInternal, reason::kInternal, "gRPC's server does not start");
  }
  {
    absl::MutexLock lock(&impl->health_mu);
    impl->health = impl->server->GetHealthCheckService();
  }
  std::unique_ptr<GrpcServer> server(new GrpcServer(std::move(impl)));
  server->SetServing(Part::kControl, false);
  server->SetServing(Part::kData, false);
  return server;
}

GrpcServer::GrpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

GrpcServer::~GrpcServer() {
  Drain();
  Shutdown(Call::Clock::now());
  RouteLibraryLogs(nullptr);
}

void GrpcServer::Adopt(int listener_fd, int fd) {
  ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = listener_fd;
  connection.fd = fd;
  impl_->acceptor->HandleNewConnection(&connection);
}

void GrpcServer::Open(engine::Database* database) { impl_->gate.Open(database); }

void GrpcServer::SetServing(Part part, bool serving) {
  absl::MutexLock lock(&impl_->health_mu);
  if (impl_->health == nullptr) return;
  for (const std::string& name : HealthNames(part)) impl_->health->SetServingStatus(name, serving);
}

void GrpcServer::Drain() {
  {
    absl::MutexLock lock(&impl_->health_mu);
    if (impl_->health != nullptr) impl_->health->Shutdown();
    impl_->health = nullptr;
  }
  impl_->gate.Drain();
}

bool GrpcServer::WaitUntilIdle(Call::Clock::time_point deadline) {
  return impl_->gate.WaitUntilIdle(deadline);
}

void GrpcServer::Shutdown(Call::Clock::time_point deadline) {
  if (impl_->server == nullptr) return;
  const auto left = deadline - Call::Clock::now();
  impl_->server->Shutdown(std::chrono::system_clock::now() +
                          std::chrono::duration_cast<std::chrono::system_clock::duration>(left));
  impl_->server->Wait();
  impl_->server.reset();
}

}  // namespace kith::rpc
