#include "server/rpc/search_service.h"

#include <utility>
#include <vector>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/translate_common.h"
#include "server/rpc/translate_index.h"
#include "server/rpc/translate_search.h"
#include "server/rpc/unary.h"

namespace kith::rpc {
namespace {

using Answers = absl::StatusOr<std::vector<engine::SearchAnswer>>;

absl::Status CheckInner(const v1::SearchRequest& search) {
  if (!search.collection().empty()) {
    return InvalidArgument(reason::kInvalidRequest,
                           "collection is set here, and it is the batch's to say")
        .Field("collection");
  }
  if (search.has_at_least()) {
    return InvalidArgument(reason::kInvalidRequest,
                           "at_least is set here, and it is the batch's to say")
        .Field("at_least");
  }
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* SearchService::Search(Context* context, const Bytes* request,
                                                Bytes* response) {
  return Unary<v1::SearchRequest, v1::SearchResponse>::Run(
      gate_, "SearchService/Search", context, request, response,
      [](const auto& call) -> absl::Status {
        v1::SearchRequest& request = call->request();
        std::vector<engine::SearchRequest> searches(1);
        KITH_ASSIGN_OR_RETURN(searches[0], ReadSearch(&request, call->database().limits(),
                                                      call->database().encoders()));
        KITH_ASSIGN_OR_RETURN(auto at_least,
                              ReadAtLeast(request.has_at_least(), request.at_least()));
        KITH_ASSIGN_OR_RETURN(const auto collection, call->database().Find(request.collection()));
        const bool grouped = searches[0].group_by.kind != engine::GroupBy::Kind::kPassage;
        collection->Search(std::move(searches), std::move(at_least), call->call(),
                           [call, grouped](Answers answers) {
                             if (answers.ok()) {
                               WriteSearch(std::move(answers->front()), grouped, call->response());
                             }
                             call->Finish(answers.status());
                           });
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* SearchService::BatchSearch(Context* context, const Bytes* request,
                                                     Bytes* response) {
  return Unary<v1::BatchSearchRequest, v1::BatchSearchResponse>::Run(
      gate_, "SearchService/BatchSearch", context, request, response,
      [](const auto& call) -> absl::Status {
        v1::BatchSearchRequest& request = call->request();
        const engine::Limits& limits = call->database().limits();
        const auto count = static_cast<size_t>(request.searches_size());
        KITH_RETURN_IF_ERROR(CheckCount(count, limits.batch_searches, "searches"));
        std::vector<engine::SearchRequest> searches;
        searches.reserve(count);
        for (v1::SearchRequest& search : *request.mutable_searches()) {
          const auto here = [&] { return fmt::format("searches[{}]", searches.size()); };
          if (absl::Status status = CheckInner(search); !status.ok()) {
            return InField(std::move(status), here());
          }
          absl::StatusOr<engine::SearchRequest> read =
              ReadSearch(&search, limits, call->database().encoders());
          if (!read.ok()) return InField(std::move(read).status(), here());
          searches.push_back(*std::move(read));
        }
        KITH_ASSIGN_OR_RETURN(auto at_least,
                              ReadAtLeast(request.has_at_least(), request.at_least()));
        KITH_ASSIGN_OR_RETURN(const auto collection, call->database().Find(request.collection()));
        std::vector<bool> grouped;
        for (const auto& search : searches) {
          grouped.push_back(search.group_by.kind != engine::GroupBy::Kind::kPassage);
        }
        collection->Search(std::move(searches), std::move(at_least), call->call(),
                           [call, grouped = std::move(grouped)](Answers answers) {
                             if (answers.ok()) {
                               for (size_t i = 0; i < answers->size(); ++i) {
                                 WriteSearch(std::move((*answers)[i]), grouped[i],
                                             call->response()->add_responses());
                               }
                             }
                             call->Finish(answers.status());
                           });
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* SearchService::MeasureRecall(Context* context, const Bytes* request,
                                                       Bytes* response) {
  return Unary<v1::MeasureRecallRequest, v1::MeasureRecallResponse>::Run(
      gate_, "SearchService/MeasureRecall", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(engine::RecallRequest measure,
                              ReadRecall(call->request(), call->database().limits()));
        KITH_ASSIGN_OR_RETURN(const auto collection,
                              call->database().Find(call->request().collection()));
        call->MayTakeLong();
        collection->MeasureRecall(std::move(measure), call->call(),
                                  [call](absl::StatusOr<engine::RecallAnswer> answer) {
                                    if (answer.ok()) WriteRecall(*answer, call->response());
                                    call->Finish(answer.status());
                                  });
        return absl::OkStatus();
      });
}

}  // namespace kith::rpc
