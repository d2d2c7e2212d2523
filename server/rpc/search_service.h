// SearchService over gRPC: translate, call the engine, translate back.

#ifndef KITH_SERVER_RPC_SEARCH_SERVICE_H_
#define KITH_SERVER_RPC_SEARCH_SERVICE_H_

#include "kith/v1/search_service.grpc.pb.h"
#include "server/rpc/gate.h"

namespace kith::rpc {

namespace internal {
using Searches = v1::SearchService;
using SearchBase =
    Searches::WithRawCallbackMethod_Search<Searches::WithRawCallbackMethod_BatchSearch<
        Searches::WithRawCallbackMethod_MeasureRecall<Searches::Service>>>;
}  // namespace internal

class SearchService final : public internal::SearchBase {
 public:
  explicit SearchService(Gate* gate) : gate_(gate) {}

  using Reactor = grpc::ServerUnaryReactor;
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  Reactor* Search(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* BatchSearch(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* MeasureRecall(Context* context, const Bytes* request, Bytes* response) override;

 private:
  Gate* const gate_;
};

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_SEARCH_SERVICE_H_
