// CollectionService over gRPC: translate, call the engine, translate back. Catalog changes run on
// the engine's executor, since they write to the disk; what is in memory is answered where it
// arrives.

#ifndef KITH_SERVER_RPC_COLLECTION_SERVICE_H_
#define KITH_SERVER_RPC_COLLECTION_SERVICE_H_

#include "kith/v1/collection_service.grpc.pb.h"
#include "server/rpc/gate.h"

namespace kith::rpc {

namespace internal {
using Collections = v1::CollectionService;
using CollectionBase = Collections::WithRawCallbackMethod_CreateCollection<
    Collections::WithRawCallbackMethod_GetCollection<
        Collections::WithRawCallbackMethod_ListCollections<
            Collections::WithRawCallbackMethod_UpdateCollection<
                Collections::WithRawCallbackMethod_DeleteCollection<
                    Collections::WithRawCallbackMethod_GetCollectionStats<
                        Collections::WithRawCallbackMethod_ReembedCollection<
                            Collections::WithRawCallbackMethod_CommitReembedding<
                                Collections::WithRawCallbackMethod_RollbackReembedding<
                                    Collections::WithRawCallbackMethod_EstimateCollection<
                                        Collections::Service>>>>>>>>>>;
}  // namespace internal

class CollectionService final : public internal::CollectionBase {
 public:
  explicit CollectionService(Gate* gate) : gate_(gate) {}

  using Reactor = grpc::ServerUnaryReactor;
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  Reactor* CreateCollection(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* GetCollection(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* ListCollections(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* UpdateCollection(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* DeleteCollection(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* GetCollectionStats(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* ReembedCollection(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* CommitReembedding(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* RollbackReembedding(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* EstimateCollection(Context* context, const Bytes* request, Bytes* response) override;

 private:
  Gate* const gate_;
};

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_COLLECTION_SERVICE_H_
