// How kithd's gRPC server speaks: message sizes, keepalive, memory for buffers, no compression. In
// a file of its own so that bench/grpc_echo_bench measures the very same server mode.

#ifndef KITH_SERVER_RPC_TRANSPORT_H_
#define KITH_SERVER_RPC_TRANSPORT_H_

#include <cstddef>
#include <cstdint>

#include "grpcpp/server_builder.h"

namespace kith::rpc {

struct TransportOptions {
  size_t max_message_bytes = 16 << 20;
  uint64_t memory_bytes = 256 << 20;  // for gRPC's own buffers
};

void ConfigureTransport(const TransportOptions& options, grpc::ServerBuilder* builder);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_TRANSPORT_H_
