// DocumentService over gRPC: translate, call the engine, translate back. The stream IngestDocuments
// has a file of its own, ingest_call.h.

#ifndef KITH_SERVER_RPC_DOCUMENT_SERVICE_H_
#define KITH_SERVER_RPC_DOCUMENT_SERVICE_H_

#include "kith/v1/document_service.grpc.pb.h"
#include "server/rpc/gate.h"

namespace kith::rpc {

namespace internal {
using Documents = v1::DocumentService;
using DocumentBase = Documents::WithRawCallbackMethod_UpsertDocuments<
    Documents::WithRawCallbackMethod_IngestDocuments<Documents::WithRawCallbackMethod_GetDocuments<
        Documents::WithRawCallbackMethod_ListDocuments<
            Documents::WithRawCallbackMethod_CountDocuments<
                Documents::WithRawCallbackMethod_DeleteDocuments<
                    Documents::WithRawCallbackMethod_UpdateMetadata<
                        Documents::WithRawCallbackMethod_FacetDocuments<Documents::Service>>>>>>>>;
}  // namespace internal

class DocumentService final : public internal::DocumentBase {
 public:
  explicit DocumentService(Gate* gate) : gate_(gate) {}

  using Reactor = grpc::ServerUnaryReactor;
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  Reactor* UpsertDocuments(Context* context, const Bytes* request, Bytes* response) override;
  grpc::ServerBidiReactor<Bytes, Bytes>* IngestDocuments(Context* context) override;
  Reactor* GetDocuments(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* ListDocuments(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* CountDocuments(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* FacetDocuments(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* UpdateMetadata(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* DeleteDocuments(Context* context, const Bytes* request, Bytes* response) override;

 private:
  Gate* const gate_;
};

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_DOCUMENT_SERVICE_H_
