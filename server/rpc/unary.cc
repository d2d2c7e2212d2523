#include "server/rpc/unary.h"

#include "kith/base/status_macros.h"
#include "server/rpc/message.h"

namespace kith::rpc {

absl::Status UnaryBase::Begin(grpc::ByteBuffer* buffer, google::protobuf::Message* request) {
  request_bytes_ = buffer->Length();
  KITH_RETURN_IF_ERROR(info_.Admit(gate_->guard()));
  KITH_ASSIGN_OR_RETURN(database_, gate_->Enter(request_bytes_));
  entered_ = true;
  KITH_RETURN_IF_ERROR(Parse(buffer, request));
  return info_.CheckRequest(*request);
}

void UnaryBase::FinishWith(absl::Status status, const google::protobuf::MessageLite& response) {
  if (status.ok()) {
    status = Serialize(response, gate_->options().max_message_bytes, response_buffer_);
  }
  const size_t response_bytes = status.ok() ? response_buffer_->Length() : 0;
  wait_.Begin(&gate_->stalls(), info_.context());
  grpc::ServerUnaryReactor::Finish(info_.Finish(status, *gate_, request_bytes_, response_bytes));
}

void UnaryBase::OnDone() {
  wait_.End();
  if (entered_) gate_->Leave(request_bytes_);
  self_.reset();  // the last hold, unless an answer is still being written: nothing may follow
}

}  // namespace kith::rpc
