// How kithd's gRPC server speaks: message sizes, keepalive, memory for buffers, no compression. In
// a file of its own so that bench/grpc_echo_bench measures the very same server mode.

#ifndef KITH_SERVER_RPC_TRANSPORT_H_
#define KITH_SERVER_RPC_TRANSPORT_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "grpcpp/server_builder.h"

namespace kith::rpc {

struct TransportOptions {
  size_t max_message_bytes = 16 << 20;
  uint64_t memory_bytes = 256 << 20;  // for gRPC's own buffers
  // A client must have spoken TLS and HTTP/2 by then, or its connection is closed.
  absl::Duration handshake_timeout = absl::Seconds(10);
  // Connections without calls are closed after this; clients reconnect by themselves.
  absl::Duration idle_timeout = absl::Minutes(5);
};

void ConfigureTransport(const TransportOptions& options, grpc::ServerBuilder* builder);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_TRANSPORT_H_
