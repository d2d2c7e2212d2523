#include "server/rpc/transport.h"

#include "grpcpp/resource_quota.h"

namespace kith::rpc {
namespace {

// A peer that vanished without a word is noticed: asked after a minute, given up 20 s later.
constexpr int kKeepaliveMs = 60'000, kKeepaliveTimeoutMs = 20'000;
// How often a client may ask whether the server is there.
constexpr int kClientPingMs = 10'000;
constexpr int kStreamsPerConnection = 1000;
// A request's headers, all together.
constexpr int kMetadataBytes = 16 << 10;

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

}  // namespace

void ConfigureTransport(const TransportOptions& options, grpc::ServerBuilder* builder) {
  const auto bytes = static_cast<int>(options.max_message_bytes);
  builder->SetMaxReceiveMessageSize(bytes);
  builder->SetMaxSendMessageSize(-1);  // answers are bounded by message.h, with a sentence
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                              Milliseconds(options.handshake_timeout));
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, Milliseconds(options.idle_timeout));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kClientPingMs);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnection);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytes);
  // gRPC unpacks a message before it looks at its size: 16 MiB on the wire could become 16 GiB in
  // memory.
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  grpc::ResourceQuota quota("kithd");
  quota.Resize(options.memory_bytes);
  builder->SetResourceQuota(quota);
}

}  // namespace kith::rpc
