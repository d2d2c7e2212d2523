// GrpcServer: all services of kith.v1 with health and reflection, on connections that somebody else
// accepts. Users need no gRPC headers.
//
//   GrpcServer server(options, &log);
//   server.Adopt(listener_fd, fd);           // a connection; calls answer COLLECTION_LOADING
//   server.Open(database.get());             // calls are let in
//   server.SetServing(Part::kData, true);    // health
//   server.Drain();                          // health off, new calls refused, streams told
//   server.WaitUntilIdle(deadline);
//   server.Shutdown(deadline);               // cancels what is left
//
// Thread-safe, except that Shutdown comes last.

#ifndef KITH_SERVER_RPC_GRPC_SERVER_H_
#define KITH_SERVER_RPC_GRPC_SERVER_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "kith/base/call.h"
#include "server/rpc/gate.h"
#include "server/security/tls_files.h"

namespace kith::rpc {

struct GrpcServerOptions {
  GateOptions gate;
  uint64_t transport_memory_bytes = 256 << 20;  // for gRPC's own buffers
  bool reflection = false;
  const security::TlsFiles* tls = nullptr;  // outlives the server; null: no TLS
  absl::Duration handshake_timeout = absl::Seconds(10);
  absl::Duration idle_timeout = absl::Minutes(5);
};

// What health is told about separately.
enum class Part {
  kControl,  // AdminService, CollectionService, EncoderService
  kData,     // DocumentService, SearchService, and the server as a whole ("")
};

class GrpcServer {
 public:
  // `log` must outlive the server. INTERNAL if gRPC cannot start.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const GrpcServerOptions& options,
                                                           telemetry::Log* log);
  // Shuts down at once if nobody has.
  ~GrpcServer();

  // Takes over the connected socket `fd`.
  void Adopt(int listener_fd, int fd);

  // `database` must live until Shutdown has returned.
  void Open(engine::Database* database);
  // Does nothing once the server drains.
  void SetServing(Part part, bool serving);

  void Drain();
  bool WaitUntilIdle(Call::Clock::time_point deadline);
  // Calls still there at `deadline` are cancelled, and waited for. A second call does nothing.
  void Shutdown(Call::Clock::time_point deadline);

 private:
  struct Impl;
  explicit GrpcServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_GRPC_SERVER_H_
