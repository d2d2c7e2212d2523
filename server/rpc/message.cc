#include "server/rpc/message.h"

#include <string>

#include "grpcpp/impl/codegen/proto_utils.h"
#include "kith/base/error.h"
#include "server/rpc/library_logs.h"

namespace kith::rpc {
namespace {

using Traits = grpc::SerializationTraits<google::protobuf::MessageLite>;

}  // namespace

absl::Status Parse(grpc::ByteBuffer* buffer, google::protobuf::MessageLite* message) {
  TakeInvalidUtf8Field();
  if (Traits::Deserialize(buffer, message).ok()) return absl::OkStatus();
  const std::string type = message->GetTypeName();
  if (const std::string field = TakeInvalidUtf8Field(); !field.empty()) {
    return InvalidArgument(reason::kInvalidUtf8, "{} is not valid UTF-8", field).Field(field);
  }
  return InvalidArgument(reason::kInvalidRequest, "the request is not a {}: its bytes do not parse",
                         type);
}

absl::Status Serialize(const google::protobuf::MessageLite& message, size_t most,
                       grpc::ByteBuffer* buffer) {
  const size_t size = message.ByteSizeLong();
  if (size > most) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kMessageTooLarge,
                 "the answer would be {} bytes, and a message holds at most {}: ask for less at a "
                 "time, "
                 "or select fewer parts",
                 size, most)
        .With("actual", size)
        .With("limit", most);
  }
  bool own = false;
  if (grpc::Status status = Traits::Serialize(message, buffer, &own); !status.ok()) {
    return Error(absl::StatusCode::kInternal, reason::kInternal, "serialising {}: {}",
                 message.GetTypeName(), status.error_message());
  }
  return absl::OkStatus();
}

}  // namespace kith::rpc
