#include "server/rpc/translate_documents.h"

#include <iterator>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/translate_common.h"

namespace kith::rpc {
namespace {

absl::StatusOr<engine::DocumentInput> ReadDocument(v1::DocumentInput* in,
                                                   const engine::Limits& limits) {
  engine::DocumentInput out;
  out.id = std::move(*in->mutable_id());
  out.text = std::move(*in->mutable_text());
  if (in->has_vector()) {
    absl::StatusOr<std::vector<float>> values = ReadVector(in->vector(), limits);
    if (!values.ok()) return InField(std::move(values).status(), "vector");
    out.vector =
        engine::OwnVector{*std::move(values), std::move(*in->mutable_vector_fingerprint())};
  } else if (!in->vector_fingerprint().empty()) {
    return InvalidArgument(reason::kInvalidRequest,
                           "vector_fingerprint is set, and there is no vector that it could be of")
        .Field("vector_fingerprint");
  }
  KITH_ASSIGN_OR_RETURN(out.metadata, ReadMetadata(in->mutable_metadata()));
  out.if_match = std::move(*in->mutable_if_match());
  out.if_none_match = std::move(*in->mutable_if_none_match());
  return out;
}

absl::StatusOr<engine::MetadataChange> ReadChange(v1::MetadataUpdate* in) {
  engine::MetadataChange out{.id = std::move(*in->mutable_id())};
  absl::StatusOr<engine::Metadata> set = ReadMetadata(in->mutable_set(), "set");
  if (!set.ok()) return std::move(set).status();
  out.set = *std::move(set);
  out.remove.assign(std::make_move_iterator(in->mutable_remove()->begin()),
                    std::make_move_iterator(in->mutable_remove()->end()));
  switch (static_cast<int>(in->mode())) {
    case v1::METADATA_UPDATE_MODE_UNSPECIFIED:
    case v1::METADATA_UPDATE_MODE_MERGE:
      break;
    case v1::METADATA_UPDATE_MODE_REPLACE:
      out.replace = true;
      break;
    default:
      return InvalidArgument(reason::kInvalidRequest,
                             "mode: {} is no value of MetadataUpdateMode that this server knows",
                             static_cast<int>(in->mode()))
          .Field("mode");
  }
  out.if_match = std::move(*in->mutable_if_match());
  return out;
}

}  // namespace

absl::StatusOr<std::vector<engine::DocumentInput>> ReadDocuments(
    google::protobuf::RepeatedPtrField<v1::DocumentInput>* in, const engine::Limits& limits) {
  KITH_RETURN_IF_ERROR(
      CheckCount(static_cast<size_t>(in->size()), limits.batch_documents, "documents"));
  std::vector<engine::DocumentInput> out;
  out.reserve(static_cast<size_t>(in->size()));
  for (v1::DocumentInput& document : *in) {
    absl::StatusOr<engine::DocumentInput> read = ReadDocument(&document, limits);
    if (!read.ok())
      return InField(std::move(read).status(), fmt::format("documents[{}]", out.size()));
    out.push_back(*std::move(read));
  }
  return out;
}

absl::StatusOr<engine::UpsertRequest> ReadUpsert(v1::UpsertDocumentsRequest* in,
                                                 const engine::Limits& limits) {
  engine::UpsertRequest out;
  KITH_ASSIGN_OR_RETURN(out.durability, ReadDurability(in->durability(), "durability"));
  KITH_ASSIGN_OR_RETURN(out.truncation, ReadTruncation(in->truncation(), "truncation"));
  KITH_ASSIGN_OR_RETURN(out.documents, ReadDocuments(in->mutable_documents(), limits));
  out.request_id = std::move(*in->mutable_request_id());
  return out;
}

absl::StatusOr<engine::UpdateMetadataRequest> ReadMetadataUpdate(v1::UpdateMetadataRequest* in,
                                                                 const engine::Limits& limits) {
  engine::UpdateMetadataRequest out;
  KITH_ASSIGN_OR_RETURN(out.durability, ReadDurability(in->durability(), "durability"));
  KITH_RETURN_IF_ERROR(
      CheckCount(static_cast<size_t>(in->updates_size()), limits.batch_documents, "updates"));
  out.updates.reserve(static_cast<size_t>(in->updates_size()));
  for (v1::MetadataUpdate& item : *in->mutable_updates()) {
    absl::StatusOr<engine::MetadataChange> change = ReadChange(&item);
    if (!change.ok()) {
      return InField(std::move(change).status(), fmt::format("updates[{}]", out.updates.size()));
    }
    out.updates.push_back(*std::move(change));
  }
  out.request_id = std::move(*in->mutable_request_id());
  return out;
}

absl::StatusOr<engine::DeleteRequest> ReadDelete(v1::DeleteDocumentsRequest* in,
                                                 const engine::Limits& limits) {
  if (in->dry_run()) {
    return InvalidArgument(reason::kInvalidRequest,
                           "dry_run is for deleting by a filter, and none is given")
        .Field("dry_run");
  }
  engine::DeleteRequest out;
  KITH_ASSIGN_OR_RETURN(out.durability, ReadDurability(in->durability(), "durability"));
  KITH_RETURN_IF_ERROR(
      CheckCount(static_cast<size_t>(in->deletes_size()), limits.batch_documents, "deletes"));
  out.deletes.reserve(static_cast<size_t>(in->deletes_size()));
  for (v1::DocumentDelete& item : *in->mutable_deletes()) {
    out.deletes.push_back({std::move(*item.mutable_id()), std::move(*item.mutable_if_match())});
  }
  out.request_id = std::move(*in->mutable_request_id());
  return out;
}

engine::DocumentSelector ReadSelector(bool present, const v1::DocumentSelector& in,
                                      bool text_by_default) {
  if (!present) return {.text = text_by_default, .metadata = true};
  return {in.text(), in.metadata(), in.passages(), in.vectors()};
}

void WriteUpsertResults(std::vector<engine::UpsertResult>&& results,
                        google::protobuf::RepeatedPtrField<v1::UpsertResult>* out) {
  out->Reserve(static_cast<int>(results.size()));
  for (engine::UpsertResult& result : results) {
    v1::UpsertResult* item = out->Add();
    item->set_id(std::move(result.id));
    item->set_etag(std::move(result.etag));
    item->set_created(result.created);
    item->set_passage_count(result.passage_count);
    item->set_truncated(result.truncated);
  }
}

void WriteUpsert(engine::UpsertAnswer&& answer, v1::UpsertDocumentsResponse* out) {
  WriteUpsertResults(std::move(answer.results), out->mutable_results());
  SetToken(answer.token, out);
  out->set_durability(WriteDurability(answer.durability));
  out->set_encoded_token_count(answer.encoded_tokens);
}

void WriteMetadataUpdate(engine::UpdateMetadataAnswer&& answer, v1::UpdateMetadataResponse* out) {
  out->mutable_results()->Reserve(static_cast<int>(answer.results.size()));
  for (engine::UpdateMetadataResult& result : answer.results) {
    v1::MetadataUpdateResult* item = out->add_results();
    item->set_id(std::move(result.id));
    item->set_etag(std::move(result.etag));
  }
  out->set_missing_count(answer.missing);
  SetToken(answer.token, out);
  out->set_durability(WriteDurability(answer.durability));
}

void WriteDelete(const engine::DeleteAnswer& answer, v1::DeleteDocumentsResponse* out) {
  out->set_deleted_count(answer.deleted);
  out->set_missing_count(answer.missing);
  SetToken(answer.token, out);
  out->set_durability(WriteDurability(answer.durability));
}

void WriteDocument(engine::Document&& document, v1::Document* out) {
  out->set_id(std::move(document.id));
  out->set_etag(std::move(document.etag));
  out->set_text(std::move(document.text));
  WriteMetadata(std::move(document.metadata), out->mutable_metadata());
  for (const engine::Passage& passage : document.passages)
    WritePassage(passage, out->add_passages());
  for (const std::vector<float>& vector : document.vectors) WriteVector(vector, out->add_vectors());
  WriteTimestamp(document.create_time, out->mutable_create_time());
  WriteTimestamp(document.update_time, out->mutable_update_time());
  out->set_text_bytes(document.text_bytes);
  out->set_passage_count(document.passage_count);
}

}  // namespace kith::rpc
