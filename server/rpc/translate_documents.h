// kith.v1 <-> engine: documents and their writes. See translate_common.h for what is judged here.

#ifndef KITH_SERVER_RPC_TRANSLATE_DOCUMENTS_H_
#define KITH_SERVER_RPC_TRANSLATE_DOCUMENTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "kith/v1/document_service.pb.h"
#include "server/engine/document.h"
#include "server/engine/limits.h"
#include "server/engine/write.h"

namespace kith::rpc {

// 1 to limits.batch_documents; errors name "documents[i]".
absl::StatusOr<std::vector<engine::DocumentInput>> ReadDocuments(
    google::protobuf::RepeatedPtrField<v1::DocumentInput>* in, const engine::Limits& limits);

absl::StatusOr<engine::UpsertRequest> ReadUpsert(v1::UpsertDocumentsRequest* in,
                                                 const engine::Limits& limits);
// 1 to limits.batch_documents; errors name "updates[i]".
absl::StatusOr<engine::UpdateMetadataRequest> ReadMetadataUpdate(v1::UpdateMetadataRequest* in,
                                                                 const engine::Limits& limits);
absl::StatusOr<engine::DeleteRequest> ReadDelete(v1::DeleteDocumentsRequest* in,
                                                 const engine::Limits& limits);

// `present`: false for an absent selector, which selects metadata, and text if `text_by_default`.
engine::DocumentSelector ReadSelector(bool present, const v1::DocumentSelector& in,
                                      bool text_by_default);

void WriteUpsertResults(std::vector<engine::UpsertResult>&& results,
                        google::protobuf::RepeatedPtrField<v1::UpsertResult>* out);
void WriteUpsert(engine::UpsertAnswer&& answer, v1::UpsertDocumentsResponse* out);
void WriteMetadataUpdate(engine::UpdateMetadataAnswer&& answer, v1::UpdateMetadataResponse* out);
void WriteDelete(const engine::DeleteAnswer& answer, v1::DeleteDocumentsResponse* out);
void WriteDocument(engine::Document&& document, v1::Document* out);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_TRANSLATE_DOCUMENTS_H_
