// Client: a connection to kithd, with a method for every call of kith.v1.
//
//   KITH_ASSIGN_OR_RETURN(auto client, Client::Connect("127.0.0.1:7600"));
//   v1::SearchRequest request;
//   request.set_collection("articles");
//   request.mutable_query()->set_text("How does attention work?");
//   KITH_ASSIGN_OR_RETURN(v1::SearchResponse response, client->Search(request));
//
// The requests and answers are the messages of proto/kith/v1, which documents every field. What the
// client adds: a deadline on every call, retries of what is safe (retry.h), request ids for writes
// that carry none, and errors whose reason, field, metadata and retry advice DetailsOf() of
// kith/base/error.h reads.
//
// A status without a reason did not come from Kith: UNAVAILABLE then means that the server could
// not be reached, DEADLINE_EXCEEDED that no answer came in time (a write may have happened or not;
// repeat it under its request_id).
//
// To read what was just written, also beyond one server, set a read's `at_least` to the write's
// commit_token.
//
// Thread-safe. Streams (Ingest) must not outlive their client.

#ifndef KITH_CLIENT_CPP_CLIENT_H_
#define KITH_CLIENT_CPP_CLIENT_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/cpp/ingest_stream.h"
#include "client/cpp/options.h"
#include "kith/v1/admin_service.pb.h"
#include "kith/v1/collection_service.pb.h"
#include "kith/v1/document_service.pb.h"
#include "kith/v1/encoder_service.pb.h"
#include "kith/v1/search_service.pb.h"

namespace kith::client {

class Client {
 public:
  // `address` is HOST:PORT ([HOST]:PORT for IPv6). Nothing is sent yet: the first call connects,
  // and later calls reconnect. INVALID_ARGUMENT for an address that cannot be one, and for
  // credentials that cannot be read or would cross a network in clear.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(std::string_view address,
                                                         ClientOptions options = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const std::string& address() const;
  const ClientOptions& options() const;

  // Collections. Create, update and delete are tried once.
  absl::StatusOr<v1::CreateCollectionResponse> CreateCollection(
      const v1::CreateCollectionRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::GetCollectionResponse> GetCollection(const v1::GetCollectionRequest& request,
                                                          const CallOptions& call = {});
  absl::StatusOr<v1::ListCollectionsResponse> ListCollections(
      const v1::ListCollectionsRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::UpdateCollectionResponse> UpdateCollection(
      const v1::UpdateCollectionRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::DeleteCollectionResponse> DeleteCollection(
      const v1::DeleteCollectionRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::GetCollectionStatsResponse> GetCollectionStats(
      const v1::GetCollectionStatsRequest& request, const CallOptions& call = {});
  // Another encoder for a collection: begun, committed and rolled back by a call each, tried once.
  absl::StatusOr<v1::ReembedCollectionResponse> ReembedCollection(
      const v1::ReembedCollectionRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::CommitReembeddingResponse> CommitReembedding(
      const v1::CommitReembeddingRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::RollbackReembeddingResponse> RollbackReembedding(
      const v1::RollbackReembeddingRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::EstimateCollectionResponse> EstimateCollection(
      const v1::EstimateCollectionRequest& request, const CallOptions& call = {});

  // Documents. A write without request_id is given one, so that trying again writes nothing twice.
  absl::StatusOr<v1::UpsertDocumentsResponse> UpsertDocuments(v1::UpsertDocumentsRequest request,
                                                              const CallOptions& call = {});
  absl::StatusOr<v1::UpdateMetadataResponse> UpdateMetadata(v1::UpdateMetadataRequest request,
                                                            const CallOptions& call = {});
  // By a filter it takes no request id, and is tried once.
  absl::StatusOr<v1::DeleteDocumentsResponse> DeleteDocuments(v1::DeleteDocumentsRequest request,
                                                              const CallOptions& call = {});
  absl::StatusOr<v1::GetDocumentsResponse> GetDocuments(const v1::GetDocumentsRequest& request,
                                                        const CallOptions& call = {});
  absl::StatusOr<v1::ListDocumentsResponse> ListDocuments(const v1::ListDocumentsRequest& request,
                                                          const CallOptions& call = {});
  absl::StatusOr<v1::CountDocumentsResponse> CountDocuments(
      const v1::CountDocumentsRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::FacetDocumentsResponse> FacetDocuments(
      const v1::FacetDocumentsRequest& request, const CallOptions& call = {});
  // Opens a stream for many documents: see IngestStream. Returns when the server has agreed to it.
  absl::StatusOr<std::unique_ptr<IngestStream>> Ingest(IngestOptions options);

  // Search.
  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request,
                                            const CallOptions& call = {});
  absl::StatusOr<v1::BatchSearchResponse> BatchSearch(const v1::BatchSearchRequest& request,
                                                      const CallOptions& call = {});
  // Scans the collection once a query: its deadline is that of encoding.
  absl::StatusOr<v1::MeasureRecallResponse> MeasureRecall(const v1::MeasureRecallRequest& request,
                                                          const CallOptions& call = {});

  // The models by themselves.
  absl::StatusOr<v1::ListModelsResponse> ListModels(const v1::ListModelsRequest& request = {},
                                                    const CallOptions& call = {});
  absl::StatusOr<v1::EncodeResponse> Encode(const v1::EncodeRequest& request,
                                            const CallOptions& call = {});
  absl::StatusOr<v1::TokenizeResponse> Tokenize(const v1::TokenizeRequest& request,
                                                const CallOptions& call = {});
  absl::StatusOr<v1::SplitTextResponse> SplitText(const v1::SplitTextRequest& request,
                                                  const CallOptions& call = {});

  absl::StatusOr<v1::RerankResponse> Rerank(const v1::RerankRequest& request,
                                            const CallOptions& call = {});

  // The server and its long-running work. WaitOperation's deadline is a little over the request's
  // timeout.
  absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo(
      const v1::GetServerInfoRequest& request = {}, const CallOptions& call = {});
  absl::StatusOr<v1::GetOperationResponse> GetOperation(const v1::GetOperationRequest& request,
                                                        const CallOptions& call = {});
  absl::StatusOr<v1::ListOperationsResponse> ListOperations(
      const v1::ListOperationsRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::CancelOperationResponse> CancelOperation(
      const v1::CancelOperationRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::WaitOperationResponse> WaitOperation(const v1::WaitOperationRequest& request,
                                                          const CallOptions& call = {});
  // The index of a collection. Seal and merge are tried once.
  absl::StatusOr<v1::GetIndexStatusResponse> GetIndexStatus(
      const v1::GetIndexStatusRequest& request, const CallOptions& call = {});
  absl::StatusOr<v1::SealIndexResponse> SealIndex(const v1::SealIndexRequest& request,
                                                  const CallOptions& call = {});
  absl::StatusOr<v1::MergeIndexResponse> MergeIndex(const v1::MergeIndexRequest& request,
                                                    const CallOptions& call = {});

  // Models of the server's --models-dir. Both are tried once.
  absl::StatusOr<v1::LoadModelResponse> LoadModel(const v1::LoadModelRequest& request,
                                                  const CallOptions& call = {});
  absl::StatusOr<v1::UnloadModelResponse> UnloadModel(const v1::UnloadModelRequest& request,
                                                      const CallOptions& call = {});

  // Whether `service` ("kith.v1.SearchService", ...; "" for the whole server) takes calls now.
  // NOT_FOUND for a service that the server does not have.
  absl::StatusOr<bool> IsServing(const std::string& service, const CallOptions& call = {});

 private:
  struct Impl;  // the channel and the stubs: gRPC's headers stay in client.cc
  explicit Client(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace kith::client

#endif  // KITH_CLIENT_CPP_CLIENT_H_
