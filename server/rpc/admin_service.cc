#include "server/rpc/admin_service.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/page_token.h"
#include "server/rpc/translate_collections.h"
#include "server/rpc/translate_common.h"
#include "server/rpc/translate_index.h"
#include "server/rpc/unary.h"
#include "server/rpc/visible.h"

namespace kith::rpc {
namespace {

using Clock = Call::Clock;

// Without a deadline and a timeout, and the most that is waited at all.
constexpr std::chrono::seconds kDefaultWait{60}, kLongestWait{600};
// The answer must leave before the deadline to be of use.
constexpr std::chrono::milliseconds kBeforeDeadline{100};

void WriteLimits(const engine::Limits& limits, v1::Limits* out) {
  const auto u32 = [](size_t value) { return static_cast<uint32_t>(value); };
  out->set_max_message_bytes(limits.message_bytes);
  out->set_max_text_bytes(limits.text_bytes);
  out->set_max_batch_documents(u32(limits.batch_documents));
  out->set_max_batch_passages(u32(limits.batch_passages));
  out->set_max_id_bytes(u32(limits.id_bytes));
  out->set_max_results(u32(limits.results));
  out->set_max_dimension(u32(limits.dimension));
  out->set_max_metadata_bytes(u32(limits.metadata_bytes));
  out->set_max_metadata_keys(u32(limits.metadata_keys));
  out->set_max_collection_fields(u32(limits.collection_fields));
  out->set_max_batch_searches(u32(limits.batch_searches));
  out->set_max_encode_texts(u32(limits.encode_texts));
  out->set_max_recall_queries(u32(limits.recall_queries));
  out->set_max_rerank_texts(u32(limits.rerank_texts));
}

void WriteQueryCache(const engine::QueryCache::Stats& stats, v1::QueryCache* out) {
  out->set_hit_count(stats.hits);
  out->set_miss_count(stats.misses);
  out->set_entry_count(stats.entries);
  out->set_bytes(stats.bytes);
  out->set_capacity_bytes(stats.capacity);
}

absl::StatusOr<Clock::time_point> WaitUntil(const v1::WaitOperationRequest& request,
                                            Clock::time_point deadline) {
  const Clock::time_point now = Clock::now();
  const bool endless = deadline == Clock::time_point::max();
  Clock::duration wait = endless ? Clock::duration(kDefaultWait) : Clock::duration(kLongestWait);
  if (request.has_timeout()) {
    const auto& timeout = request.timeout();
    if (timeout.seconds() < 0 || timeout.nanos() < 0 || timeout.nanos() > 999'999'999) {
      return InvalidArgument(reason::kInvalidRequest,
                             "timeout: {} seconds and {} nanoseconds is no time to wait",
                             timeout.seconds(), timeout.nanos())
          .Field("timeout");
    }
    const std::chrono::seconds whole(std::min<int64_t>(timeout.seconds(), kLongestWait.count()));
    wait =
        std::min<Clock::duration>(whole + std::chrono::nanoseconds(timeout.nanos()), kLongestWait);
  }
  return endless ? now + wait : std::min(now + wait, deadline - kBeforeDeadline);
}

}  // namespace

grpc::ServerUnaryReactor* AdminService::GetServerInfo(Context* context, const Bytes* request,
                                                      Bytes* response) {
  return Unary<v1::GetServerInfoRequest, v1::GetServerInfoResponse>::Run(
      gate_, "AdminService/GetServerInfo", context, request, response,
      [start_time = start_time_](const auto& call) -> absl::Status {
        engine::ServerInfo info = call->database().Info();
        CountVisible(call->database(), call->caller(), &info);
        v1::GetServerInfoResponse* out = call->response();
        out->set_version(KITH_VERSION);
        out->set_data_folder_id(std::move(info.data_folder_id));
        out->set_format_version(info.format_version);
        WriteTimestamp({absl::ToUnixMicros(start_time)}, out->mutable_start_time());
        out->set_collection_count(info.collections);
        out->set_loading_collection_count(info.loading_collections);
        out->set_memory_budget_bytes(info.memory_budget_bytes);
        out->set_memory_used_bytes(info.memory_used_bytes);
        out->set_index_kernels(std::move(info.index_kernels));
        out->set_encoder_kernels(std::move(info.encoder_kernels));
        out->set_default_encoder(std::move(info.default_encoder));
        WriteLimits(call->database().limits(), out->mutable_limits());
        WriteQueryCache(call->database().encoders().query_cache(), out->mutable_query_cache());
        call->Finish(absl::OkStatus());
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AdminService::GetOperation(Context* context, const Bytes* request,
                                                     Bytes* response) {
  return Unary<v1::GetOperationRequest, v1::GetOperationResponse>::Run(
      gate_, "AdminService/GetOperation", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(
            const auto operation,
            VisibleOperation(call->database(), call->caller(), call->request().id()));
        WriteOperation(operation, call->response()->mutable_operation());
        call->Finish(absl::OkStatus());
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AdminService::ListOperations(Context* context, const Bytes* request,
                                                       Bytes* response) {
  return Unary<v1::ListOperationsRequest, v1::ListOperationsResponse>::Run(
      gate_, "AdminService/ListOperations", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(const size_t size, PageSize(call->request().page_size(),
                                                          call->database().limits().page));
        KITH_ASSIGN_OR_RETURN(const std::string after, ReadPageToken(PageKind::kOperations, "",
                                                                     call->request().page_token()));
        // One more than asked says whether there is a next page.
        auto found = VisibleOperations(call->database(), call->caller(), after, size + 1);
        if (found.size() > size) {
          found.resize(size);
          call->response()->set_next_page_token(
              MakePageToken(PageKind::kOperations, "", found.back().id));
        }
        for (const auto& operation : found) {
          WriteOperation(operation, call->response()->add_operations());
        }
        call->Finish(absl::OkStatus());
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AdminService::CancelOperation(Context* context, const Bytes* request,
                                                        Bytes* response) {
  return Unary<v1::CancelOperationRequest, v1::CancelOperationResponse>::Run(
      gate_, "AdminService/CancelOperation", context, request, response,
      [](const auto& call) -> absl::Status {
        // The change is written to the disk.
        return OnExecutor(call, [](auto& call) -> absl::Status {
          const std::string& id = call.request().id();
          KITH_RETURN_IF_ERROR(VisibleOperation(call.database(), call.caller(), id).status());
          KITH_ASSIGN_OR_RETURN(const auto operation, call.database().operations().Cancel(id));
          WriteOperation(operation, call.response()->mutable_operation());
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* AdminService::WaitOperation(Context* context, const Bytes* request,
                                                      Bytes* response) {
  return Unary<v1::WaitOperationRequest, v1::WaitOperationResponse>::Run(
      gate_, "AdminService/WaitOperation", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(const auto until,
                              WaitUntil(call->request(), call->call()->deadline()));
        const std::string& id = call->request().id();
        KITH_RETURN_IF_ERROR(VisibleOperation(call->database(), call->caller(), id).status());
        call->MayTakeLong();
        call->database().operations().Wait(
            id, until, [call](absl::StatusOr<engine::Operation> operation) {
              if (operation.ok()) {
                WriteOperation(*operation, call->response()->mutable_operation());
              }
              call->Finish(operation.status());
            });
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AdminService::GetIndexStatus(Context* context, const Bytes* request,
                                                       Bytes* response) {
  return Unary<v1::GetIndexStatusRequest, v1::GetIndexStatusResponse>::Run(
      gate_, "AdminService/GetIndexStatus", context, request, response,
      [](const auto& call) -> absl::Status {
        const std::string& name = call->request().collection();
        KITH_ASSIGN_OR_RETURN(const auto collection, call->database().Find(name));
        WriteIndexStatus(name, collection->index_status(), call->response());
        call->Finish(absl::OkStatus());
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AdminService::SealIndex(Context* context, const Bytes* request,
                                                  Bytes* response) {
  return Unary<v1::SealIndexRequest, v1::SealIndexResponse>::Run(
      gate_, "AdminService/SealIndex", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(auto collection, call->database().Find(call->request().collection()));
        return OnExecutor(call, [collection = std::move(collection)](auto& call) -> absl::Status {
          KITH_ASSIGN_OR_RETURN(const auto operation, collection->SealIndex());
          WriteOperation(operation, call.response()->mutable_operation());
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* AdminService::MergeIndex(Context* context, const Bytes* request,
                                                   Bytes* response) {
  return Unary<v1::MergeIndexRequest, v1::MergeIndexResponse>::Run(
      gate_, "AdminService/MergeIndex", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_ASSIGN_OR_RETURN(auto collection, call->database().Find(call->request().collection()));
        return OnExecutor(call, [collection = std::move(collection)](auto& call) -> absl::Status {
          KITH_ASSIGN_OR_RETURN(const auto operation, collection->MergeIndex());
          WriteOperation(operation, call.response()->mutable_operation());
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* AdminService::LoadModel(Context* context, const Bytes* request,
                                                  Bytes* response) {
  return Unary<v1::LoadModelRequest, v1::LoadModelResponse>::Run(
      gate_, "AdminService/LoadModel", context, request, response,
      [](const auto& call) -> absl::Status {
        return OnExecutor(call, [](auto& call) -> absl::Status {
          KITH_ASSIGN_OR_RETURN(const auto operation,
                                call.database().LoadModel(call.request().name()));
          WriteOperation(operation, call.response()->mutable_operation());
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* AdminService::UnloadModel(Context* context, const Bytes* request,
                                                    Bytes* response) {
  return Unary<v1::UnloadModelRequest, v1::UnloadModelResponse>::Run(
      gate_, "AdminService/UnloadModel", context, request, response,
      [](const auto& call) -> absl::Status {
        return OnExecutor(call, [](auto& call) -> absl::Status {
          KITH_ASSIGN_OR_RETURN(const auto operation,
                                call.database().UnloadModel(call.request().name()));
          WriteOperation(operation, call.response()->mutable_operation());
          return absl::OkStatus();
        });
      });
}

}  // namespace kith::rpc
