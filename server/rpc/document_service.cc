#include "server/rpc/document_service.h"

#include <string>
#include <utility>
#include <vector>

#include "kith/base/status_macros.h"
#include "server/engine/read_view.h"
#include "server/rpc/ingest_call.h"
#include "server/rpc/page_token.h"
#include "server/rpc/translate_common.h"
#include "server/rpc/translate_documents.h"
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
        KITH_ASSIGN_OR_RETURN(
            std::string after,
            ReadPageToken(PageKind::kDocuments, request.collection(), request.page_token()));
        return OnReadView(call,
                          [size, after = std::move(after)](const engine::ReadView& view,
                                                           auto& call) -> absl::Status {
                            const auto& request = call.request();
                            const engine::ListRequest list{
                                .limit = size,
                                .after = after,
                                .select = ReadSelector(request.has_select(), request.select(),
                                                       /*text_by_default=*/false)};
                            KITH_ASSIGN_OR_RETURN(auto page, view.List(list, *call.call()));
                            if (page.more) {
                              call.response()->set_next_page_token(MakePageToken(
                                  PageKind::kDocuments, request.collection(), page.next));
                            }
                            for (auto& document : page.documents) {
                              WriteDocument(std::move(document), call.response()->add_documents());
                            }
                            return absl::OkStatus();
                          });
      });
}

grpc::ServerUnaryReactor* DocumentService::CountDocuments(Context* context, const Bytes* request,
                                                          Bytes* response) {
  return Unary<v1::CountDocumentsRequest, v1::CountDocumentsResponse>::Run(
      gate_, "DocumentService/CountDocuments", context, request, response,
      [](const auto& call) -> absl::Status {
        return OnReadView(call, [](const engine::ReadView& view, auto& call) {
          call.response()->set_count(view.count());
          SetToken(view.token(), call.response());
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* DocumentService::DeleteDocuments(Context* context, const Bytes* request,
                                                           Bytes* response) {
  return Unary<v1::DeleteDocumentsRequest, v1::DeleteDocumentsResponse>::Run(
      gate_, "DocumentService/DeleteDocuments", context, request, response,
      [](const auto& call) -> absl::Status {
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
