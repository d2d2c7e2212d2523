// AdminService over gRPC: the server itself, its indexes, its models, and its long-running work.

#ifndef KITH_SERVER_RPC_ADMIN_SERVICE_H_
#define KITH_SERVER_RPC_ADMIN_SERVICE_H_

#include "absl/time/time.h"
#include "kith/v1/admin_service.grpc.pb.h"
#include "server/rpc/gate.h"

namespace kith::rpc {

namespace internal {
using Admin = v1::AdminService;
using AdminBase = Admin::WithRawCallbackMethod_GetServerInfo<
    Admin::WithRawCallbackMethod_GetOperation<Admin::WithRawCallbackMethod_ListOperations<
        Admin::WithRawCallbackMethod_CancelOperation<Admin::WithRawCallbackMethod_WaitOperation<
            Admin::WithRawCallbackMethod_GetIndexStatus<Admin::WithRawCallbackMethod_SealIndex<
                Admin::WithRawCallbackMethod_MergeIndex<Admin::WithRawCallbackMethod_LoadModel<
                    Admin::WithRawCallbackMethod_UnloadModel<Admin::Service>>>>>>>>>>;
}  // namespace internal

class AdminService final : public internal::AdminBase {
 public:
  AdminService(Gate* gate, absl::Time start_time) : gate_(gate), start_time_(start_time) {}

  using Reactor = grpc::ServerUnaryReactor;
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  Reactor* GetServerInfo(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* GetOperation(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* ListOperations(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* CancelOperation(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* WaitOperation(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* GetIndexStatus(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* SealIndex(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* MergeIndex(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* LoadModel(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* UnloadModel(Context* context, const Bytes* request, Bytes* response) override;

 private:
  Gate* const gate_;
  const absl::Time start_time_;
};

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_ADMIN_SERVICE_H_
