#include "server/rpc/document_service.h"

#include <string>
#include <utility>
#include <vector>

#include "kith/base/status_macros.h"
#include "server/engine/read_view.h"
#include "server/rpc/ingest_call.h"
#include "server/rpc/page_token.h"
#include "server/rpc/translate_common.h"
#include "server/rpc/translate_document_filter.h"
#include "server/rpc/translate_documents.h"
#include "server/rpc/translate_filter.h"
#include "server/rpc/unary.h"

namespace kith::rpc {
namespace {

// Calls `read(view, call)` with a view of the request's collection at its `at_least`, on a thread
// that may block, and finishes the call with the status that it returns.
template <typename Ref, typename Read>
absl::Status OnReadView(const Ref& call, Read read) {
  KITH_ASSIGN_OR_RETURN(const auto collection, call->database().Find(call->request().collection()));
  KITH_ASSIGN_OR_RETURN(auto at_least,
                        ReadAtLeast(call->request().has_at_least(), call->request().at_least()));
  collection->Read(std::move(at_least), call->call(),
                   [call, read = std::move(read)](absl::StatusOr<engine::ReadView> view) {
                     call->Finish(view.ok() ? read(*view, *call) : std::move(view).status());
                   });
  return absl::OkStatus();
}

template <typename Ref>
absl::Status DeleteByFilter(const Ref& call) {
  KITH_ASSIGN_OR_RETURN(auto matching, ReadDeleteMatching(call->request()));
  KITH_ASSIGN_OR_RETURN(const auto collection, call->database().Find(call->request().collection()));
  call->MayTakeLong();
  collection->DeleteMatching(
      std::move(matching), call->call(),
      [call](absl::StatusOr<engine::DeleteMatchingAnswer> answer) {
        if (!answer.ok()) {
          return call->Finish(AtWhere(call->request(), std::move(answer).status()));
        }
        WriteDeleteMatching(*answer, call->response());
        call->Finish(absl::OkStatus());
      });
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* DocumentService::UpsertDocuments(Context* context, const Bytes* request,
                                                           Bytes* response) {
  return Unary<v1::UpsertDocumentsRequest, v1::UpsertDocumentsResponse>::Run(
      gate_, "DocumentService/UpsertDocuments", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(auto upsert, ReadUpsert(&call->request(), call->database().limits()));
        KITH_ASSIGN_OR_RETURN(const auto collection,
                              call->database().Find(call->request().collection()));
        collection->Upsert(std::move(upsert), call->call(),
                           [call](absl::StatusOr<engine::UpsertAnswer> answer) {
                             if (answer.ok()) WriteUpsert(*std::move(answer), call->response());
                             call->Finish(answer.status());
                           });
        return absl::OkStatus();
      });
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* DocumentService::IngestDocuments(
    Context* context) {
  return IngestCall::Start(gate_, context);
}

grpc::ServerUnaryReactor* DocumentService::GetDocuments(Context* context, const Bytes* request,
                                                        Bytes* response) {
  return Unary<v1::GetDocumentsRequest, v1::GetDocumentsResponse>::Run(
      gate_, "DocumentService/GetDocuments", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_RETURN_IF_ERROR(CheckCount(static_cast<size_t>(call->request().ids_size()),
                                        call->database().limits().batch_documents, "ids"));
        return OnReadView(call, [](const engine::ReadView& view, auto& call) -> absl::Status {
          const auto& request = call.request();
          const std::vector<std::string> ids(request.ids().begin(), request.ids().end());
          KITH_ASSIGN_OR_RETURN(auto answer,
                                view.Get(ids, ReadSelector(request.has_select(), request.select(),
                                                           /*text_by_default=*/true)));
          for (auto& document : answer.documents) {
            WriteDocument(std::move(document), call.response()->add_documents());
          }
          for (std::string& id : answer.missing_ids) {
            call.response()->add_missing_ids(std::move(id));
          }
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* DocumentService::ListDocuments(Context* context, const Bytes* request,
                                                         Bytes* response) {
  return Unary<v1::ListDocumentsRequest, v1::ListDocumentsResponse>::Run(
      gate_, "DocumentService/ListDocuments", context, request, response,
      [](const auto& call) -> absl::Status {
        const auto& request = call->request();
        KITH_ASSIGN_OR_RETURN(const size_t size,
                              PageSize(request.page_size(), call->database().limits().page));
        KITH_ASSIGN_OR_RETURN(engine::ListRequest list, ReadList(request, size));
        return OnReadView(
            call,
            [list = std::move(list)](const engine::ReadView& view, auto& call) -> absl::Status {
              absl::StatusOr<engine::DocumentPage> page = view.List(list, *call.call());
              if (!page.ok()) return AtWhere(call.request(), std::move(page).status());
              WriteList(call.request(), *std::move(page), call.response());
              return absl::OkStatus();
            });
      });
}

grpc::ServerUnaryReactor* DocumentService::CountDocuments(Context* context, const Bytes* request,
                                                          Bytes* response) {
  return Unary<v1::CountDocumentsRequest, v1::CountDocumentsResponse>::Run(
      gate_, "DocumentService/CountDocuments", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(auto filter, ReadWhere(call->request()));
        return OnReadView(
            call,
            [filter = std::move(filter)](const engine::ReadView& view, auto& call) -> absl::Status {
              const auto count = view.Count(filter, *call.call());
              if (!count.ok()) return AtWhere(call.request(), count.status());
              call.response()->set_count(count->documents);
              SetToken(view.token(), call.response());
              return absl::OkStatus();
            });
      });
}

grpc::ServerUnaryReactor* DocumentService::FacetDocuments(Context* context, const Bytes* request,
                                                          Bytes* response) {
  return Unary<v1::FacetDocumentsRequest, v1::FacetDocumentsResponse>::Run(
      gate_, "DocumentService/FacetDocuments", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(engine::FacetRequest facets, ReadFacets(call->request()));
        return OnReadView(
            call,
            [facets = std::move(facets)](const engine::ReadView& view, auto& call) -> absl::Status {
              auto answer = view.Facets(facets, *call.call());
              if (!answer.ok()) {
                return AtWhere(call.request(), std::move(answer).status());
              }
              WriteFacets(*std::move(answer), call.response());
              SetToken(view.token(), call.response());
              return absl::OkStatus();
            });
      });
}

grpc::ServerUnaryReactor* DocumentService::UpdateMetadata(Context* context, const Bytes* request,
                                                          Bytes* response) {
  return Unary<v1::UpdateMetadataRequest, v1::UpdateMetadataResponse>::Run(
      gate_, "DocumentService/UpdateMetadata", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(auto update,
                              ReadMetadataUpdate(&call->request(), call->database().limits()));
        KITH_ASSIGN_OR_RETURN(const auto collection,
                              call->database().Find(call->request().collection()));
        collection->UpdateMetadata(std::move(update), call->call(),
                                   [call](absl::StatusOr<engine::UpdateMetadataAnswer> answer) {
                                     if (answer.ok())
                                       WriteMetadataUpdate(*std::move(answer), call->response());
                                     call->Finish(answer.status());
                                   });
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* DocumentService::DeleteDocuments(Context* context, const Bytes* request,
                                                           Bytes* response) {
  return Unary<v1::DeleteDocumentsRequest, v1::DeleteDocumentsResponse>::Run(
      gate_, "DocumentService/DeleteDocuments", context, request, response,
      [](const auto& call) -> absl::Status {
        if (HasWhere(call->request())) return DeleteByFilter(call);
        KITH_ASSIGN_OR_RETURN(auto deletes,
                              ReadDelete(&call->request(), call->database().limits()));
        KITH_ASSIGN_OR_RETURN(const auto collection,
                              call->database().Find(call->request().collection()));
        collection->Delete(std::move(deletes), call->call(),
                           [call](absl::StatusOr<engine::DeleteAnswer> answer) {
                             if (answer.ok()) WriteDelete(*answer, call->response());
                             call->Finish(answer.status());
                           });
        return absl::OkStatus();
      });
}

}  // namespace kith::rpc
