// Server: kithd without its command line: the port, gRPC, the database and the order in which they
// come and go.
//
//   KITH_ASSIGN_OR_RETURN(auto server, Server::Start(config, &log, on_failure));  // the port
//   answers
//   ... server->Stop(deadline);                                                  // drains, closes
//   storage
//
// The port opens at once; the database opens on a thread beside, and calls answer UNAVAILABLE /
// COLLECTION_LOADING meanwhile. Thread-safe.

#ifndef KITH_SERVER_SERVER_H_
#define KITH_SERVER_SERVER_H_

#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "kith/base/call.h"
#include "server/config/config.h"
#include "server/engine/database.h"
#include "server/net/acceptor.h"
#include "server/rpc/grpc_server.h"
#include "server/security/credentials.h"
#include "server/telemetry/log.h"

namespace kith::server {

class Server {
 public:
  // `log` must outlive the server. Errors: the address cannot be listened on, there is no model to
  // load, keys or certificates cannot be used. Should the database fail to open later, `on_failure`
  // is called once with the reason, from another thread.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const config::Config& config, telemetry::Log* log,
      std::function<void(absl::Status)> on_failure);
  ~Server();

  // Where it listens, with the port that the system picked.
  const net::Endpoint& endpoint() const { return acceptor_->endpoint(); }

  // Waits until the database is open (OK) or has failed to (why). Collections may still be loading.
  absl::Status WaitUntilOpen();

  // Reads keys and certificates again, soon; what they are is in the log.
  void Reload() { credentials_->Reload(); }

  // Readiness off, newcomers refused, streams told, calls under way ended, storage closed: in
  // order, by `deadline`. False if something had to be cut off. A second call does nothing.
  bool Stop(Call::Clock::time_point deadline);

 private:
  Server(telemetry::Log* log, std::function<void(absl::Status)> on_failure);
  void OpenDatabase(engine::DatabaseOptions options);

  // Constant after Start.
  telemetry::Log* const log_;
  const std::function<void(absl::Status)> on_failure_;

  // Outlives gRPC, which asks for keys and certificates.
  std::unique_ptr<security::Credentials> credentials_;
  // The database outlives the calls that use it, gRPC the acceptor that hands to it.
  std::unique_ptr<engine::Database> database_;  // the opening thread's until opened_ is set
  std::unique_ptr<rpc::GrpcServer> grpc_;
  std::unique_ptr<net::Acceptor> acceptor_;
  std::thread opening_;
  bool stopped_ = false;  // of the thread that stops

  absl::Mutex mu_;
  bool opened_ ABSL_GUARDED_BY(mu_) = false;  // OpenDatabase is through
  absl::Status open_status_ ABSL_GUARDED_BY(mu_);
};

// Where the bundled model lies: beside an installed program, else in the source tree that it was
// built from. Empty if it is nowhere.
std::string BundledModelDir();

}  // namespace kith::server

#endif  // KITH_SERVER_SERVER_H_
