// Bytes <-> messages. The services take raw bytes from gRPC and parse them here, because gRPC
// itself answers a message that does not parse with UNIMPLEMENTED and no details; so such a request
// gets INVALID_ARGUMENT, and INVALID_UTF8 with the field's name if that is why.

#ifndef KITH_SERVER_RPC_MESSAGE_H_
#define KITH_SERVER_RPC_MESSAGE_H_

#include "absl/status/status.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/support/byte_buffer.h"

namespace kith::rpc {

// Parses and empties `buffer`, so that a large request is not in memory twice. INVALID_ARGUMENT.
absl::Status Parse(grpc::ByteBuffer* buffer, google::protobuf::MessageLite* message);

// RESOURCE_EXHAUSTED / MESSAGE_TOO_LARGE over `most` bytes.
absl::Status Serialize(const google::protobuf::MessageLite& message, size_t most,
                       grpc::ByteBuffer* buffer);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_MESSAGE_H_
