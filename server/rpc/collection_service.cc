#include "server/rpc/collection_service.h"

#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/page_token.h"
#include "server/rpc/translate_collections.h"
#include "server/rpc/translate_index.h"
#include "server/rpc/unary.h"
#include "server/rpc/visible.h"

namespace kith::rpc {

grpc::ServerUnaryReactor* CollectionService::CreateCollection(Context* context,
                                                              const Bytes* request,
                                                              Bytes* response) {
  return Unary<v1::CreateCollectionRequest, v1::CreateCollectionResponse>::Run(
      gate_, "CollectionService/CreateCollection", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(auto spec, ReadCollection(call->request()));
        return OnExecutor(call, [spec = std::move(spec)](auto& call) -> absl::Status {
          const auto info = call.database().CreateCollection(spec);
          if (!info.ok()) return AtCollection(info.status());
          WriteCollection(*info, call.response()->mutable_collection());
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* CollectionService::GetCollection(Context* context, const Bytes* request,
                                                           Bytes* response) {
  return Unary<v1::GetCollectionRequest, v1::GetCollectionResponse>::Run(
      gate_, "CollectionService/GetCollection", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(const auto info,
                              call->database().GetCollection(call->request().name()));
        WriteCollection(info, call->response()->mutable_collection());
        call->Finish(absl::OkStatus());
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CollectionService::ListCollections(Context* context, const Bytes* request,
                                                             Bytes* response) {
  return Unary<v1::ListCollectionsRequest, v1::ListCollectionsResponse>::Run(
      gate_, "CollectionService/ListCollections", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(const size_t size, PageSize(call->request().page_size(),
                                                          call->database().limits().page));
        KITH_ASSIGN_OR_RETURN(const std::string after, ReadPageToken(PageKind::kCollections, "",
                                                                     call->request().page_token()));
        // One more than asked says whether there is a next page.
        auto found = VisibleCollections(call->database(), call->caller(), after, size + 1);
        if (found.size() > size) {
          found.resize(size);
          call->response()->set_next_page_token(
              MakePageToken(PageKind::kCollections, "", found.back().name));
        }
        for (const auto& info : found) WriteCollection(info, call->response()->add_collections());
        call->Finish(absl::OkStatus());
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CollectionService::UpdateCollection(Context* context,
                                                              const Bytes* request,
                                                              Bytes* response) {
  return Unary<v1::UpdateCollectionRequest, v1::UpdateCollectionResponse>::Run(
      gate_, "CollectionService/UpdateCollection", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(auto update, ReadUpdate(call->request()));
        return OnExecutor(call, [update = std::move(update)](auto& call) -> absl::Status {
          const auto info =
              call.database().UpdateCollection(call.request().collection().name(), update);
          if (!info.ok()) return AtCollection(info.status());
          WriteCollection(*info, call.response()->mutable_collection());
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* CollectionService::DeleteCollection(Context* context,
                                                              const Bytes* request,
                                                              Bytes* response) {
  return Unary<v1::DeleteCollectionRequest, v1::DeleteCollectionResponse>::Run(
      gate_, "CollectionService/DeleteCollection", context, request, response,
      [](const auto& call) -> absl::Status {
        return OnExecutor(call, [](auto& call) -> absl::Status {
          KITH_ASSIGN_OR_RETURN(
              const auto operation,
              call.database().DeleteCollection(call.request().name(), call.request().if_match()));
          WriteOperation(operation, call.response()->mutable_operation());
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* CollectionService::GetCollectionStats(Context* context,
                                                                const Bytes* request,
                                                                Bytes* response) {
  return Unary<v1::GetCollectionStatsRequest, v1::GetCollectionStatsResponse>::Run(
      gate_, "CollectionService/GetCollectionStats", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(auto collection, call->database().Find(call->request().name()));
        return OnExecutor(call, [collection = std::move(collection)](auto& call) -> absl::Status {
          KITH_ASSIGN_OR_RETURN(const auto stats, collection->Stats());
          WriteStats(call.request().name(), stats, call.response());
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* CollectionService::ReembedCollection(Context* context,
                                                               const Bytes* request,
                                                               Bytes* response) {
  return Unary<v1::ReembedCollectionRequest, v1::ReembedCollectionResponse>::Run(
      gate_, "CollectionService/ReembedCollection", context, request, response,
      [](const auto& call) -> absl::Status {
        return OnExecutor(call, [](auto& call) -> absl::Status {
          const auto& in = call.request();
          KITH_ASSIGN_OR_RETURN(
              const auto operation,
              call.database().ReembedCollection(in.name(),
                                                {.encoder = in.encoder(),
                                                 .if_match = in.if_match(),
                                                 .commit_at_cut_over = in.commit_at_cut_over()},
                                                *call.call()));
          WriteOperation(operation, call.response()->mutable_operation());
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* CollectionService::CommitReembedding(Context* context,
                                                               const Bytes* request,
                                                               Bytes* response) {
  return Unary<v1::CommitReembeddingRequest, v1::CommitReembeddingResponse>::Run(
      gate_, "CollectionService/CommitReembedding", context, request, response,
      [](const auto& call) -> absl::Status {
        return OnExecutor(call, [](auto& call) -> absl::Status {
          KITH_ASSIGN_OR_RETURN(
              const auto info,
              call.database().CommitReembedding(call.request().name(), call.request().if_match()));
          WriteCollection(info, call.response()->mutable_collection());
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* CollectionService::RollbackReembedding(Context* context,
                                                                 const Bytes* request,
                                                                 Bytes* response) {
  return Unary<v1::RollbackReembeddingRequest, v1::RollbackReembeddingResponse>::Run(
      gate_, "CollectionService/RollbackReembedding", context, request, response,
      [](const auto& call) -> absl::Status {
        return OnExecutor(call, [](auto& call) -> absl::Status {
          KITH_ASSIGN_OR_RETURN(const auto info,
                                call.database().RollbackReembedding(call.request().name(),
                                                                    call.request().if_match()));
          WriteCollection(info, call.response()->mutable_collection());
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* CollectionService::EstimateCollection(Context* context,
                                                                const Bytes* request,
                                                                Bytes* response) {
  return Unary<v1::EstimateCollectionRequest, v1::EstimateCollectionResponse>::Run(
      gate_, "CollectionService/EstimateCollection", context, request, response,
      [](const auto& call) -> absl::Status {
        engine::Database& database = call->database();
        KITH_ASSIGN_OR_RETURN(engine::EstimateRequest estimate, ReadEstimate(call->request()));
        if (estimate.dimension == 0) {
          const v1::VectorSpace& space = call->request().vector_space();
          const auto found = database.encoders().FindTruncated(
              space.encoder(), space.encoder_dimensions(), "encoder_dimensions");
          if (!found.ok()) return InField(found.status(), "vector_space");
          estimate.dimension = static_cast<uint32_t>((*found)->info().dimension);
        }
        const auto answer =
            engine::EstimateCollection(estimate, database.limits(), database.Info());
        if (!answer.ok()) return AtEstimate(answer.status());
        WriteEstimate(*answer, call->response());
        call->Finish(absl::OkStatus());
        return absl::OkStatus();
      });
}

}  // namespace kith::rpc
