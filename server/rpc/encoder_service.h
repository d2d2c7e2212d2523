// EncoderService over gRPC: translate, call the engine, translate back. Tokenising is work, so it
// never runs on an RPC thread.

#ifndef KITH_SERVER_RPC_ENCODER_SERVICE_H_
#define KITH_SERVER_RPC_ENCODER_SERVICE_H_

#include "kith/v1/encoder_service.grpc.pb.h"
#include "server/rpc/gate.h"

namespace kith::rpc {

namespace internal {
using EncoderCalls = v1::EncoderService;
using EncoderBase =
    EncoderCalls::WithRawCallbackMethod_ListModels<EncoderCalls::WithRawCallbackMethod_Encode<
        EncoderCalls::WithRawCallbackMethod_Tokenize<EncoderCalls::WithRawCallbackMethod_SplitText<
            EncoderCalls::WithRawCallbackMethod_Rerank<EncoderCalls::Service>>>>>;
}  // namespace internal

class EncoderService final : public internal::EncoderBase {
 public:
  explicit EncoderService(Gate* gate) : gate_(gate) {}

  using Reactor = grpc::ServerUnaryReactor;
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  Reactor* ListModels(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* Encode(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* Tokenize(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* SplitText(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* Rerank(Context* context, const Bytes* request, Bytes* response) override;

 private:
  Gate* const gate_;
};

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_ENCODER_SERVICE_H_
