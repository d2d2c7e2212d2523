#include "server/rpc/unary.h"

#include "kith/base/status_macros.h"
#include "server/rpc/message.h"

namespace kith::rpc {

absl::Status UnaryBase::Begin(grpc::ByteBuffer* buffer, google::protobuf::MessageLite* request) {
  request_bytes_ = buffer->Length();
  KITH_ASSIGN_OR_RETURN(database_, gate_->Enter(request_bytes_));
  entered_ = true;
  return Parse(buffer, request);
}

void UnaryBase::FinishWith(absl::Status status, const google::protobuf::MessageLite& response) {
  if (status.ok()) {
    status = Serialize(response, gate_->options().max_message_bytes, response_buffer_);
  }
  const size_t response_bytes = status.ok() ? response_buffer_->Length() : 0;
  grpc::ServerUnaryReactor::Finish(info_.Finish(status, *gate_, request_bytes_, response_bytes));
}

void UnaryBase::OnDone() {
  if (entered_) gate_->Leave(request_bytes_);
  self_.reset();  // the last hold, unless an answer is still being written: nothing may follow
}

}  // namespace kith::rpc
