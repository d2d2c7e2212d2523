#include "client/cpp/client.h"

#include <charconv>
#include <chrono>
#include <utility>

#include "absl/time/clock.h"
#include "client/cpp/channel_credentials.h"
#include "client/cpp/ingest_connection.h"
#include "client/cpp/random.h"
#include "client/cpp/retry.h"
#include "client/cpp/wire_status.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "kith/v1/admin_service.grpc.pb.h"
#include "kith/v1/collection_service.grpc.pb.h"
#include "kith/v1/document_service.grpc.pb.h"
#include "kith/v1/encoder_service.grpc.pb.h"
#include "kith/v1/search_service.grpc.pb.h"

namespace kith::client {
namespace {

// What a call is: where its deadline stands, and whether it may be repeated.
struct Kind {
  absl::Duration Deadlines::*deadline;
  Repeatable repeatable;
};
constexpr Kind kRead{&Deadlines::read, Repeatable::kYes};
constexpr Kind kSearch{&Deadlines::search, Repeatable::kYes};
constexpr Kind kEncode{&Deadlines::encode, Repeatable::kYes};
constexpr Kind kWrite{&Deadlines::write, Repeatable::kYes};  // with its request_id
constexpr Kind kWriteOnce{&Deadlines::write, Repeatable::kNo};
constexpr Kind kManage{&Deadlines::manage, Repeatable::kNo};

absl::Status CheckAddress(std::string_view address) {
  const size_t colon = address.rfind(':');
  unsigned port = 0;
  if (colon != std::string_view::npos && colon > 0) {
    const char* end = address.data() + address.size();
    const auto [stop, error] = std::from_chars(address.data() + colon + 1, end, port);
    if (error != std::errc() || stop != end) port = 0;
  }
  if (port < 1 || port > 65535 || address.find_first_of("/ \t\r\n") != std::string_view::npos) {
    return InvalidArgument(reason::kInvalidRequest, "server address {} is not HOST:PORT",
                           Quoted(address));
  }
  return absl::OkStatus();
}

std::shared_ptr<grpc::Channel> MakeChannel(
    const std::string& address, const ClientOptions& options,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxSendMessageSize(static_cast<int>(options.max_request_bytes));
  arguments.SetMaxReceiveMessageSize(static_cast<int>(options.max_response_bytes));
  arguments.SetUserAgentPrefix("kith-cpp/" KITH_VERSION);
  // A database is reached directly, also where the environment names a proxy for the web.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Retries are this library's; the channel should notice soon that a server is back.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
  // Notices a host that vanished under an open call. gRPC servers refuse pings more often than each
  // 300 s.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 310'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

}  // namespace

struct Client::Impl {
  Impl(std::string address_in, ClientOptions options_in,
       const std::shared_ptr<grpc::ChannelCredentials>& credentials)
      : address(std::move(address_in)),
        options(std::move(options_in)),
        channel(MakeChannel(address, options, credentials)) {}

  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Invoke(const char* name, const Kind& kind, Stub& stub,
                                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                               Response*),
                                  const Request& request, const CallOptions& call) {
    if (const size_t size = request.ByteSizeLong(); size > options.max_request_bytes) {
      return Error(absl::StatusCode::kResourceExhausted, reason::kMessageTooLarge,
                   "{}: the request has {} bytes, the limit is {}", name, size,
                   options.max_request_bytes)
          .With("actual_bytes", size)
          .With("allowed_bytes", options.max_request_bytes);
    }
    Response response;
    const absl::Duration timeout =
        call.timeout > absl::ZeroDuration() ? call.timeout : options.deadlines.*kind.deadline;
    const absl::Status status =
        CallWithRetries(options, kind.repeatable, timeout, [&](absl::Duration left) {
          grpc::ClientContext context;
          SendKey(options.credentials, &context);
          context.set_deadline(absl::ToChronoTime(absl::Now() + left));
          const grpc::Status wire = (stub.*method)(&context, request, &response);
          return FromWire(wire.error_code(), wire.error_message(), wire.error_details());
        });
    if (!status.ok()) return Explain(status, name, address);
    return response;
  }

  const std::string address;
  const ClientOptions options;
  const std::shared_ptr<grpc::Channel> channel;
  v1::CollectionService::Stub collections{channel};
  v1::DocumentService::Stub documents{channel};
  v1::SearchService::Stub search{channel};
  v1::EncoderService::Stub encoder{channel};
  v1::AdminService::Stub admin{channel};
  grpc::health::v1::Health::Stub health{channel};
};

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(std::string_view address,
                                                        ClientOptions options) {
  KITH_RETURN_IF_ERROR(CheckAddress(address));
  if (!options.sleep) options.sleep = [](absl::Duration pause) { absl::SleepFor(pause); };
  if (!options.random) options.random = RandomFraction;
  KITH_ASSIGN_OR_RETURN(const auto credentials,
                        MakeChannelCredentials(options.credentials, address));
  return std::unique_ptr<Client>(
      new Client(std::make_unique<Impl>(std::string(address), std::move(options), credentials)));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

const std::string& Client::address() const { return impl_->address; }
const ClientOptions& Client::options() const { return impl_->options; }

absl::StatusOr<v1::CreateCollectionResponse> Client::CreateCollection(
    const v1::CreateCollectionRequest& request, const CallOptions& call) {
  return impl_->Invoke("CreateCollection", kManage, impl_->collections,
                       &v1::CollectionService::Stub::CreateCollection, request, call);
}

absl::StatusOr<v1::GetCollectionResponse> Client::GetCollection(
    const v1::GetCollectionRequest& request, const CallOptions& call) {
  return impl_->Invoke("GetCollection", kRead, impl_->collections,
                       &v1::CollectionService::Stub::GetCollection, request, call);
}

absl::StatusOr<v1::ListCollectionsResponse> Client::ListCollections(
    const v1::ListCollectionsRequest& request, const CallOptions& call) {
  return impl_->Invoke("ListCollections", kRead, impl_->collections,
                       &v1::CollectionService::Stub::ListCollections, request, call);
}

absl::StatusOr<v1::UpdateCollectionResponse> Client::UpdateCollection(
    const v1::UpdateCollectionRequest& request, const CallOptions& call) {
  return impl_->Invoke("UpdateCollection", kManage, impl_->collections,
                       &v1::CollectionService::Stub::UpdateCollection, request, call);
}

absl::StatusOr<v1::DeleteCollectionResponse> Client::DeleteCollection(
    const v1::DeleteCollectionRequest& request, const CallOptions& call) {
  return impl_->Invoke("DeleteCollection", kManage, impl_->collections,
                       &v1::CollectionService::Stub::DeleteCollection, request, call);
}

absl::StatusOr<v1::GetCollectionStatsResponse> Client::GetCollectionStats(
    const v1::GetCollectionStatsRequest& request, const CallOptions& call) {
  return impl_->Invoke("GetCollectionStats", kRead, impl_->collections,
                       &v1::CollectionService::Stub::GetCollectionStats, request, call);
}

absl::StatusOr<v1::ReembedCollectionResponse> Client::ReembedCollection(
    const v1::ReembedCollectionRequest& request, const CallOptions& call) {
  return impl_->Invoke("ReembedCollection", kManage, impl_->collections,
                       &v1::CollectionService::Stub::ReembedCollection, request, call);
}

absl::StatusOr<v1::CommitReembeddingResponse> Client::CommitReembedding(
    const v1::CommitReembeddingRequest& request, const CallOptions& call) {
  return impl_->Invoke("CommitReembedding", kManage, impl_->collections,
                       &v1::CollectionService::Stub::CommitReembedding, request, call);
}

absl::StatusOr<v1::RollbackReembeddingResponse> Client::RollbackReembedding(
    const v1::RollbackReembeddingRequest& request, const CallOptions& call) {
  return impl_->Invoke("RollbackReembedding", kManage, impl_->collections,
                       &v1::CollectionService::Stub::RollbackReembedding, request, call);
}

absl::StatusOr<v1::EstimateCollectionResponse> Client::EstimateCollection(
    const v1::EstimateCollectionRequest& request, const CallOptions& call) {
  return impl_->Invoke("EstimateCollection", kRead, impl_->collections,
                       &v1::CollectionService::Stub::EstimateCollection, request, call);
}

absl::StatusOr<v1::UpsertDocumentsResponse> Client::UpsertDocuments(
    v1::UpsertDocumentsRequest request, const CallOptions& call) {
  if (request.request_id().empty()) request.set_request_id(RandomId());
  return impl_->Invoke("UpsertDocuments", kWrite, impl_->documents,
                       &v1::DocumentService::Stub::UpsertDocuments, request, call);
}

absl::StatusOr<v1::UpdateMetadataResponse> Client::UpdateMetadata(v1::UpdateMetadataRequest request,
                                                                  const CallOptions& call) {
  if (request.request_id().empty()) request.set_request_id(RandomId());
  return impl_->Invoke("UpdateMetadata", kWrite, impl_->documents,
                       &v1::DocumentService::Stub::UpdateMetadata, request, call);
}

absl::StatusOr<v1::DeleteDocumentsResponse> Client::DeleteDocuments(
    v1::DeleteDocumentsRequest request, const CallOptions& call) {
  if (request.where_case() != v1::DeleteDocumentsRequest::WHERE_NOT_SET) {
    return impl_->Invoke("DeleteDocuments", kWriteOnce, impl_->documents,
                         &v1::DocumentService::Stub::DeleteDocuments, request, call);
  }
  if (request.request_id().empty()) request.set_request_id(RandomId());
  return impl_->Invoke("DeleteDocuments", kWrite, impl_->documents,
                       &v1::DocumentService::Stub::DeleteDocuments, request, call);
}

absl::StatusOr<v1::GetDocumentsResponse> Client::GetDocuments(
    const v1::GetDocumentsRequest& request, const CallOptions& call) {
  return impl_->Invoke("GetDocuments", kRead, impl_->documents,
                       &v1::DocumentService::Stub::GetDocuments, request, call);
}

absl::StatusOr<v1::ListDocumentsResponse> Client::ListDocuments(
    const v1::ListDocumentsRequest& request, const CallOptions& call) {
  return impl_->Invoke("ListDocuments", kRead, impl_->documents,
                       &v1::DocumentService::Stub::ListDocuments, request, call);
}

absl::StatusOr<v1::CountDocumentsResponse> Client::CountDocuments(
    const v1::CountDocumentsRequest& request, const CallOptions& call) {
  return impl_->Invoke("CountDocuments", kRead, impl_->documents,
                       &v1::DocumentService::Stub::CountDocuments, request, call);
}

absl::StatusOr<v1::FacetDocumentsResponse> Client::FacetDocuments(
    const v1::FacetDocumentsRequest& request, const CallOptions& call) {
  return impl_->Invoke("FacetDocuments", kRead, impl_->documents,
                       &v1::DocumentService::Stub::FacetDocuments, request, call);
}

absl::StatusOr<std::unique_ptr<IngestStream>> Client::Ingest(IngestOptions options) {
  if (options.stream_id.empty()) options.stream_id = RandomId();
  std::unique_ptr<IngestStream> stream(
      new IngestStream(std::move(options), impl_->options, impl_->address, [impl = impl_.get()] {
        return std::make_unique<IngestStream::Connection>(impl->documents,
                                                          impl->options.credentials);
      }));
  KITH_RETURN_IF_ERROR(stream->Open());
  return stream;
}

absl::StatusOr<v1::SearchResponse> Client::Search(const v1::SearchRequest& request,
                                                  const CallOptions& call) {
  return impl_->Invoke("Search", kSearch, impl_->search, &v1::SearchService::Stub::Search, request,
                       call);
}

absl::StatusOr<v1::BatchSearchResponse> Client::BatchSearch(const v1::BatchSearchRequest& request,
                                                            const CallOptions& call) {
  return impl_->Invoke("BatchSearch", kSearch, impl_->search, &v1::SearchService::Stub::BatchSearch,
                       request, call);
}

absl::StatusOr<v1::MeasureRecallResponse> Client::MeasureRecall(
    const v1::MeasureRecallRequest& request, const CallOptions& call) {
  return impl_->Invoke("MeasureRecall", kEncode, impl_->search,
                       &v1::SearchService::Stub::MeasureRecall, request, call);
}

absl::StatusOr<v1::ListModelsResponse> Client::ListModels(const v1::ListModelsRequest& request,
                                                          const CallOptions& call) {
  return impl_->Invoke("ListModels", kRead, impl_->encoder, &v1::EncoderService::Stub::ListModels,
                       request, call);
}

absl::StatusOr<v1::EncodeResponse> Client::Encode(const v1::EncodeRequest& request,
                                                  const CallOptions& call) {
  return impl_->Invoke("Encode", kEncode, impl_->encoder, &v1::EncoderService::Stub::Encode,
                       request, call);
}

absl::StatusOr<v1::TokenizeResponse> Client::Tokenize(const v1::TokenizeRequest& request,
                                                      const CallOptions& call) {
  return impl_->Invoke("Tokenize", kEncode, impl_->encoder, &v1::EncoderService::Stub::Tokenize,
                       request, call);
}

absl::StatusOr<v1::SplitTextResponse> Client::SplitText(const v1::SplitTextRequest& request,
                                                        const CallOptions& call) {
  return impl_->Invoke("SplitText", kEncode, impl_->encoder, &v1::EncoderService::Stub::SplitText,
                       request, call);
}

absl::StatusOr<v1::RerankResponse> Client::Rerank(const v1::RerankRequest& request,
                                                  const CallOptions& call) {
  return impl_->Invoke("Rerank", kEncode, impl_->encoder, &v1::EncoderService::Stub::Rerank,
                       request, call);
}

absl::StatusOr<v1::GetServerInfoResponse> Client::GetServerInfo(
    const v1::GetServerInfoRequest& request, const CallOptions& call) {
  return impl_->Invoke("GetServerInfo", kRead, impl_->admin, &v1::AdminService::Stub::GetServerInfo,
                       request, call);
}

absl::StatusOr<v1::GetOperationResponse> Client::GetOperation(
    const v1::GetOperationRequest& request, const CallOptions& call) {
  return impl_->Invoke("GetOperation", kRead, impl_->admin, &v1::AdminService::Stub::GetOperation,
                       request, call);
}

absl::StatusOr<v1::ListOperationsResponse> Client::ListOperations(
    const v1::ListOperationsRequest& request, const CallOptions& call) {
  return impl_->Invoke("ListOperations", kRead, impl_->admin,
                       &v1::AdminService::Stub::ListOperations, request, call);
}

absl::StatusOr<v1::CancelOperationResponse> Client::CancelOperation(
    const v1::CancelOperationRequest& request, const CallOptions& call) {
  return impl_->Invoke("CancelOperation", kManage, impl_->admin,
                       &v1::AdminService::Stub::CancelOperation, request, call);
}

absl::StatusOr<v1::WaitOperationResponse> Client::WaitOperation(
    const v1::WaitOperationRequest& request, const CallOptions& call) {
  CallOptions waiting = call;
  if (waiting.timeout <= absl::ZeroDuration()) {
    const auto& timeout = request.timeout();
    const absl::Duration asked = request.has_timeout() ? absl::Seconds(timeout.seconds()) +
                                                             absl::Nanoseconds(timeout.nanos())
                                                       : absl::Seconds(60);
    waiting.timeout = asked + absl::Seconds(10);
  }
  return impl_->Invoke("WaitOperation", kRead, impl_->admin, &v1::AdminService::Stub::WaitOperation,
                       request, waiting);
}

absl::StatusOr<v1::GetIndexStatusResponse> Client::GetIndexStatus(
    const v1::GetIndexStatusRequest& request, const CallOptions& call) {
  return impl_->Invoke("GetIndexStatus", kRead, impl_->admin,
                       &v1::AdminService::Stub::GetIndexStatus, request, call);
}

absl::StatusOr<v1::SealIndexResponse> Client::SealIndex(const v1::SealIndexRequest& request,
                                                        const CallOptions& call) {
  return impl_->Invoke("SealIndex", kManage, impl_->admin, &v1::AdminService::Stub::SealIndex,
                       request, call);
}

absl::StatusOr<v1::MergeIndexResponse> Client::MergeIndex(const v1::MergeIndexRequest& request,
                                                          const CallOptions& call) {
  return impl_->Invoke("MergeIndex", kManage, impl_->admin, &v1::AdminService::Stub::MergeIndex,
                       request, call);
}

absl::StatusOr<v1::LoadModelResponse> Client::LoadModel(const v1::LoadModelRequest& request,
                                                        const CallOptions& call) {
  return impl_->Invoke("LoadModel", kManage, impl_->admin, &v1::AdminService::Stub::LoadModel,
                       request, call);
}

absl::StatusOr<v1::UnloadModelResponse> Client::UnloadModel(const v1::UnloadModelRequest& request,
                                                            const CallOptions& call) {
  return impl_->Invoke("UnloadModel", kManage, impl_->admin, &v1::AdminService::Stub::UnloadModel,
                       request, call);
}

absl::StatusOr<bool> Client::IsServing(const std::string& service, const CallOptions& call) {
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  KITH_ASSIGN_OR_RETURN(const auto response,
                        impl_->Invoke("Health.Check", kRead, impl_->health,
                                      &grpc::health::v1::Health::Stub::Check, request, call));
  return response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
}

}  // namespace kith::client
