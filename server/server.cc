#include "server/server.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/machine.h"
#include "server/net/descriptor_limit.h"
#include "server/net/listener.h"

namespace kith::server {
namespace {

// After the drain only calls without end are left, as health watches: they get a moment to hear of
// it.
constexpr std::chrono::milliseconds kGrace{200};

uint64_t BudgetBytes(const config::MemoryBudget& budget) {
  return budget.bytes != 0 ? budget.bytes : engine::MemoryBytes() / 100 * budget.percent;
}

absl::StatusOr<std::string> ModelDir(const config::Config& config) {
  if (config.no_encoder) return std::string();
  if (!config.model_dir.empty()) return config.model_dir;
  std::string bundled = BundledModelDir();
  if (!bundled.empty()) return bundled;
  return Error(
      absl::StatusCode::kFailedPrecondition, reason::kEncoderNotFound,
      "the bundled model is missing: it is looked for in {} beside the program's folder and in {}. "
      "Give --model-dir DIR with a BERT model, or --no-encoder to bring vectors instead of text",
      KITH_INSTALLED_MODEL, KITH_SOURCE_MODEL);
}

rpc::GrpcServerOptions RpcOptions(const config::Config& config,
                                  const security::Credentials& credentials) {
  // Requests that wait, and gRPC's buffers, each get a sixteenth of the budget.
  const uint64_t share =
      std::max<uint64_t>(BudgetBytes(config.memory_budget) / 16, 2 * config.limits.message_bytes);
  rpc::GrpcServerOptions options;
  options.gate.max_calls = config.max_concurrent_calls;
  options.gate.max_request_bytes = share;
  options.gate.max_message_bytes = config.limits.message_bytes;
  options.gate.slow_log = config.slow_log;
  options.transport_memory_bytes = share;
  options.gate.stall_timeout = config.stall_timeout;
  options.gate.keys = credentials.keys();
  options.tls = credentials.tls();
  options.handshake_timeout = config.handshake_timeout;
  options.idle_timeout = config.idle_timeout;
  options.reflection = config.grpc_address.loopback();
  return options;
}

net::AcceptorOptions AcceptOptions(const config::Config& config, size_t descriptors) {
  const size_t cap = net::ConnectionCap(descriptors);
  net::AcceptorOptions options;
  options.max_connections =
      config.max_connections == 0 ? cap : std::min(config.max_connections, cap);
  options.max_connections_per_address = config.max_connections_per_address;
  return options;
}

void LogEvent(const engine::Event& event, telemetry::Log* log) {
  using Level = engine::Event::Level;
  const auto level = event.level == Level::kError     ? telemetry::LogLevel::kError
                     : event.level == Level::kWarning ? telemetry::LogLevel::kWarning
                                                      : telemetry::LogLevel::kInfo;
  if (event.collection.empty()) {
    log->Write(level, event.message);
  } else {
    log->Write(level, event.message, {{"collection", event.collection}});
  }
}

std::string Encryption(const security::Credentials& credentials) {
  if (credentials.tls() == nullptr) return "off";
  return credentials.tls()->paths().client_ca.empty() ? "on" : "mutual";
}

std::string KeyCount(const security::Credentials& credentials) {
  if (credentials.keys() == nullptr) return "off";
  return std::to_string(credentials.keys()->size());
}

void LogReload(const std::string& what, const absl::Status& status,
               const security::Credentials& credentials, telemetry::Log* log) {
  if (!status.ok()) {
    log->Error(fmt::format("{} were not reloaded, the old ones stay: {}", what,
                           std::string(status.message())));
    return;
  }
  const std::string expires =
      credentials.tls() == nullptr
          ? ""
          : absl::FormatTime(absl::RFC3339_sec, credentials.tls()->material()->expires,
                             absl::UTCTimeZone());
  log->Info(what + " were reloaded",
            {{"keys", KeyCount(credentials)}, {"certificate_expires", expires}});
}

engine::IndexingOptions IndexingOptionsOf(const config::IndexWork& config) {
  engine::IndexingOptions options;
  options.threads = static_cast<int>(config.threads);
  options.seal_rows = static_cast<uint32_t>(config.seal_rows);
  options.idle_rows = std::min(options.idle_rows, options.seal_rows);
  options.idle = absl::ToChronoMilliseconds(config.idle);
  options.merge_factor = static_cast<uint32_t>(config.merge_factor);
  options.debt_refused_rows = config.debt_max;
  options.debt_paced_rows = config.debt_max / 5;
  return options;
}

}  // namespace

Server::Server(telemetry::Log* log, std::function<void(absl::Status)> on_failure)
    : log_(log), on_failure_(std::move(on_failure)) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const config::Config& config, telemetry::Log* log,
    std::function<void(absl::Status)> on_failure) {
  const size_t descriptors = net::RaiseDescriptorLimit();
  KITH_ASSIGN_OR_RETURN(const std::string model_dir, ModelDir(config));
  KITH_ASSIGN_OR_RETURN(auto credentials, security::Credentials::Load(config.credentials));
  KITH_ASSIGN_OR_RETURN(net::Listener listener, net::Listener::Open(config.grpc_address));

  std::unique_ptr<Server> server(new Server(log, std::move(on_failure)));
  server->credentials_ = std::move(credentials);
  KITH_ASSIGN_OR_RETURN(server->grpc_,
                        rpc::GrpcServer::Start(RpcOptions(config, *server->credentials_), log));
  const net::AcceptorOptions accept = AcceptOptions(config, descriptors);
  server->acceptor_ = std::make_unique<net::Acceptor>(
      std::move(listener), accept,
      [grpc = server->grpc_.get()](int listener_fd, int fd) { grpc->Adopt(listener_fd, fd); });
  log->Info("listening", {{"address", server->endpoint().ToString()},
                          {"version", KITH_VERSION},
                          {"data_dir", config.data_dir},
                          {"model_dir", model_dir},
                          {"tls", Encryption(*server->credentials_)},
                          {"keys", KeyCount(*server->credentials_)},
                          {"max_connections", accept.max_connections}});

  server->credentials_->Watch([log, credentials = server->credentials_.get()](
                                  const std::string& what, const absl::Status& status) {
    LogReload(what, status, *credentials, log);
  });

  engine::DatabaseOptions options;
  options.data_dir = config.data_dir;
  options.model_dir = model_dir;
  options.models_dir = config.models_dir;
  options.load_models = config.load_models;
  options.query_cache_bytes = config.query_cache_bytes;
  options.threads = static_cast<int>(config.threads);
  options.memory_budget_bytes = BudgetBytes(config.memory_budget);
  options.limits = config.limits;
  options.indexing = IndexingOptionsOf(config.index);
  options.on_event = [log](const engine::Event& event) { LogEvent(event, log); };
  server->opening_ = std::thread(&Server::OpenDatabase, server.get(), std::move(options));
  return server;
}

void Server::OpenDatabase(engine::DatabaseOptions options) {
  const auto start = Call::Clock::now();
  absl::StatusOr<std::unique_ptr<engine::Database>> database =
      engine::Database::Open(std::move(options));
  if (database.ok()) {
    database_ = *std::move(database);
    grpc_->Open(database_.get());
    grpc_->SetServing(rpc::Part::kControl, true);
    const std::chrono::duration<double, std::milli> took = Call::Clock::now() - start;
    log_->Info("the data folder is open", {{"duration_ms", took.count()}});
    database_->WhenLoaded([this] {
      grpc_->SetServing(rpc::Part::kData, true);
      log_->Info("serving", {{"address", endpoint().ToString()}});
    });
  }
  const absl::Status status = database.status();
  {
    absl::MutexLock lock(&mu_);
    opened_ = true;
    open_status_ = status;
  }
  if (!status.ok() && on_failure_) on_failure_(status);
}

absl::Status Server::WaitUntilOpen() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(&opened_));
  return open_status_;
}

bool Server::Stop(Call::Clock::time_point deadline) {
  if (stopped_) return true;
  stopped_ = true;
  log_->Info("stopping");
  grpc_->Drain();
  acceptor_->Stop();
  opening_.join();
  if (database_ != nullptr) database_->Drain(deadline);
  const bool idle = grpc_->WaitUntilIdle(deadline);
  if (!idle) log_->Warning("some calls did not end in time and are cut off");
  grpc_->Shutdown(std::min(deadline, Call::Clock::now() + kGrace));
  database_.reset();
  log_->Info("stopped");
  return idle;
}

Server::~Server() {
  if (opening_.joinable()) Stop(Call::Clock::now());
}

}  // namespace kith::server
