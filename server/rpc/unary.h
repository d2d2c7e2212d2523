// Unary: one call with one request and one answer, from the wire to the engine and back. A
// service's method is a few lines:
//
//   return Unary<v1::GetXRequest, v1::GetXResponse>::Run(
//       gate_, "XService/GetX", context, request, response, [](const auto& call) -> absl::Status {
//         KITH_ASSIGN_OR_RETURN(auto x, call->database().Find(call->request().name()));
//         x->Read(call->deadline(), [call](absl::StatusOr<X> answer) {
//           if (answer.ok()) Fill(*answer, call->response());
//           call->Finish(answer.status());
//         });
//         return absl::OkStatus();  // the callback answers; an error here would answer instead
//       });
//
// Nothing blocks. Exactly one of "the handler returned an error" and "Finish was called" must
// happen, once.
//
// Lifetime: gRPC holds the call until OnDone, which cannot come before Finish; whoever else needs
// it holds the shared pointer. So a client may vanish at any moment: OnCancel marks the Call, the
// engine sees that and answers CANCELLED, Finish sends it to nobody.

#ifndef KITH_SERVER_RPC_UNARY_H_
#define KITH_SERVER_RPC_UNARY_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "google/protobuf/arena.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "kith/base/call.h"
#include "server/engine/database.h"
#include "server/rpc/call_info.h"
#include "server/rpc/gate.h"

namespace kith::rpc {

// What does not depend on the types of the messages.
class UnaryBase : public grpc::ServerUnaryReactor, public std::enable_shared_from_this<UnaryBase> {
 public:
  UnaryBase(Gate* gate, const char* method, grpc::CallbackServerContext* context,
            grpc::ByteBuffer* response)
      : gate_(gate),
        info_(method, context),
        call_(SteadyDeadline(context->deadline())),
        response_buffer_(response) {}

  void OnCancel() final { call_.Cancel(); }
  void OnDone() final;

 protected:
  // Learns who calls, passes the gate, parses, and looks whether the caller may touch what the
  // request names.
  absl::Status Begin(grpc::ByteBuffer* buffer, google::protobuf::Message* request);
  void FinishWith(absl::Status status, const google::protobuf::MessageLite& response);

  Gate* const gate_;
  CallInfo info_;
  Call call_;
  engine::Database* database_ = nullptr;  // set by Begin
  std::shared_ptr<UnaryBase> self_;       // gRPC's hold: until OnDone

 private:
  // OnCancel sets a flag and OnDone gives memory back: gRPC may run them where it stands. Otherwise
  // it hands every call to a thread of its executor at the end, a tenth of a search's cost.
  bool InternalInlineable() final { return true; }

  grpc::ByteBuffer* const response_buffer_;
  size_t request_bytes_ = 0;
  bool entered_ = false;
  StallWatch::Wait wait_;
};

template <typename Request, typename Response>
class Unary final : public UnaryBase {
 public:
  using Ref = std::shared_ptr<Unary>;

  template <typename Handler>  // absl::Status(const Ref&)
  static grpc::ServerUnaryReactor* Run(Gate* gate, const char* method,
                                       grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request, grpc::ByteBuffer* response,
                                       Handler handler) {
    auto self = std::make_shared<Unary>(gate, method, context, response);
    self->self_ = self;
    // gRPC made the buffer for this call and does not look at it again: parsing may empty it.
    absl::Status status = self->Begin(const_cast<grpc::ByteBuffer*>(request), &self->request_);
    if (status.ok()) status = handler(std::as_const(self));
    if (!status.ok()) self->Finish(std::move(status));
    return self.get();
  }

  using UnaryBase::UnaryBase;

  engine::Database& database() { return *database_; }
  // For methods whose answers leave out what the caller may not see.
  const security::Principal& caller() const { return info_.caller(); }
  // Mutable: handlers move large strings out.
  Request& request() { return request_; }
  Response* response() { return response_; }
  // For calls that wait on purpose: the slow log leaves them out.
  void MayTakeLong() { info_.MayTakeLong(); }
  // The deadline and the cancellation; keeps the whole call alive.
  std::shared_ptr<const Call> call() { return {shared_from_this(), &call_}; }

  void Finish(absl::Status status) { FinishWith(std::move(status), *response_); }

 private:
  Request request_;
  google::protobuf::Arena arena_;
  Response* const response_ = google::protobuf::Arena::CreateMessage<Response>(&arena_);
};

// Runs `work(call)` on a thread of the engine that may block, and finishes the call with its
// status.
template <typename Ref, typename Work>
absl::Status OnExecutor(const Ref& call, Work work) {
  return call->database().executor().Submit(
      call->call(), [call, work = std::move(work)](absl::Status status) mutable {
        if (status.ok()) status = work(*call);
        call->Finish(std::move(status));
      });
}

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_UNARY_H_
