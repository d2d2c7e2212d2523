#include "server/engine/preparer.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "encoder/text/passage_text.h"
#include "encoder/text/splitter.h"
#include "fmt/format.h"
#include "index/vector_check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/random_id.h"
#include "server/engine/records.h"
#include "server/engine/request_rows.h"
#include "server/engine/splitting.h"
#include "server/engine/validate.h"

namespace kith::engine {
namespace {

std::string FieldOf(std::string_view list, size_t i) { return fmt::format("{}[{}]", list, i); }

absl::Status CheckBatchSize(size_t size, const char* list, size_t limit) {
  if (size == 0) {
    return InvalidArgument(reason::kEmptyBatch, "{}: at least 1", list).Field(list);
  }
  if (size > limit) {
    return InvalidArgument(reason::kBatchTooLarge, "{}: {} given, split the batch: at most {}",
                           list, size, limit)
        .Field(list)
        .With("limit", limit);
  }
  return absl::OkStatus();
}

// The ids of a batch: each valid, none twice.
template <typename Item>
absl::Status CheckIds(const std::vector<Item>& items, const char* list, const Limits& limits) {
  absl::flat_hash_map<std::string, size_t> seen;
  for (size_t i = 0; i < items.size(); ++i) {
    KITH_RETURN_IF_ERROR(InField(ValidateDocumentId(items[i].id, limits), FieldOf(list, i)));
    const auto [other, is_new] = seen.try_emplace(items[i].id, i);
    if (!is_new) {
      return InvalidArgument(reason::kDuplicateId, "{}[{}] and [{}] share the id {}", list,
                             other->second, i, Quoted(items[i].id))
          .Field(FieldOf(list, i) + ".id");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckRequestId(const std::string& id, const Limits& limits) {
  if (id.empty()) return absl::OkStatus();
  return ValidateClientId(id, limits.request_id_bytes, "request_id");
}

// A vector of the client's own must come from the encoder that made the others.
absl::Status CheckOwnVector(const OwnVector& vector, const VectorSpace& space) {
  KITH_RETURN_IF_ERROR(
      InField(index::ValidateVector(vector.values, space.metric, space.dimension), "vector"));
  if (vector.fingerprint == space.space_hash) return absl::OkStatus();
  if (space.encoder.empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kEncoderMismatch,
                 "the vector claims to be made by encoder {}, but the collection has none",
                 Quoted(vector.fingerprint))
        .Field("vector_fingerprint");
  }
  return Error(absl::StatusCode::kFailedPrecondition, reason::kEncoderMismatch,
               "the collection's vectors were made by encoder \"{}\" with fingerprint {}, this one "
               "claims {}; send the text and let the server encode it, or name that fingerprint in "
               "vector_fingerprint if it made the vector",
               space.encoder, space.space_hash, Quoted(vector.fingerprint))
      .Field("vector_fingerprint")
      .With("expected_fingerprint", space.space_hash)
      .With("given_fingerprint", vector.fingerprint);
}

// One upsert on its way: documents become PreparedDocuments, and what has to be encoded is
// gathered.
class UpsertPreparation {
 public:
  UpsertPreparation(const Services& services, const PrepareContext& context)
      : services_(services), context_(context) {}

  absl::Status Run(UpsertRequest request, std::shared_ptr<const Call> call);

  Prepared TakeWrite() { return std::move(write_); }
  std::vector<EncodeQueue::Sequence> TakeSequences() { return std::move(sequences_); }

 private:
  absl::Status AddDocument(DocumentInput input, Truncation truncation);
  absl::Status AddPassages(const DocumentInput& input, Truncation truncation,
                           PreparedDocument* document);
  // What the index takes beside the vectors.
  void AddRows(Metadata metadata, PreparedDocument* document);
  absl::Status CheckPassageCount(size_t documents) const;
  absl::StatusOr<bool> WasSeen() const;

  const Services& services_;
  const PrepareContext& context_;
  Prepared write_ = std::make_unique<PreparedWrite>();
  std::vector<EncodeQueue::Sequence> sequences_;
  size_t bytes_ = 0;
  size_t passages_ = 0;
};

absl::Status UpsertPreparation::Run(UpsertRequest request, std::shared_ptr<const Call> call) {
  const Limits& limits = services_.limits;
  KITH_RETURN_IF_ERROR(
      CheckBatchSize(request.documents.size(), "documents", limits.batch_documents));
  KITH_RETURN_IF_ERROR(CheckRequestId(request.request_id, limits));
  write_->request_id = std::move(request.request_id);
  if (!write_->request_id.empty()) {
    write_->request_hash = HashOf(request.documents, request.truncation);
  }
  write_->durability = request.durability.value_or(context_.options.default_durability);
  write_->time = Now();
  write_->call = std::move(call);
  // Encoding costs by far the most of a write: not twice for one that was committed before.
  KITH_ASSIGN_OR_RETURN(write_->repeated, WasSeen());
  if (write_->repeated) return absl::OkStatus();
  for (DocumentInput& input : request.documents) {
    if (input.id.empty()) input.id = NewUlid(write_->time.micros / 1000);
  }
  KITH_RETURN_IF_ERROR(CheckIds(request.documents, "documents", limits));
  const size_t count = request.documents.size();
  for (size_t i = 0; i < count; ++i) {
    KITH_RETURN_IF_ERROR(write_->call->Check());
    KITH_RETURN_IF_ERROR(InField(AddDocument(std::move(request.documents[i]), request.truncation),
                                 FieldOf("documents", i)));
    KITH_RETURN_IF_ERROR(CheckPassageCount(count));
  }
  KITH_ASSIGN_OR_RETURN(write_->memory,
                        services_.memory.ReserveForWrite(
                            bytes_ + passages_ * context_.space.dimension * sizeof(float)));
  return absl::OkStatus();
}

absl::StatusOr<bool> UpsertPreparation::WasSeen() const {
  if (write_->request_id.empty()) return false;
  KITH_ASSIGN_OR_RETURN(const auto row,
                        services_.store->Latest().GetRequest(context_.shard, write_->request_id));
  return row.has_value() && row->time_us() + RequestRows::kLifetimeMicros / 2 > write_->time.micros;
}

// A document alone in its batch may have as many passages as its text makes: its size is bounded.
absl::Status UpsertPreparation::CheckPassageCount(size_t documents) const {
  const size_t limit = services_.limits.batch_passages;
  if (passages_ <= limit || documents == 1) return absl::OkStatus();
  return InvalidArgument(reason::kBatchTooLarge,
                         "documents: their texts make more than {} passages; split the batch",
                         limit)
      .Field("documents")
      .With("limit", limit);
}

absl::Status UpsertPreparation::AddDocument(DocumentInput input, Truncation truncation) {
  if (!input.text.empty() || !input.vector) {
    KITH_RETURN_IF_ERROR(ValidateText(input.text, services_.limits));
  }
  if (input.vector) KITH_RETURN_IF_ERROR(CheckOwnVector(*input.vector, context_.space));
  KITH_RETURN_IF_ERROR(ValidateMetadata(input.metadata, services_.limits));

  PreparedDocument& document = write_->documents.emplace_back();
  document.record.set_text_size_bytes(input.text.size());
  document.record.set_vector_given_by_user(input.vector.has_value());
  document.record.set_update_time_us(write_->time.micros);
  document.record.set_content_hash(ContentHash(input));
  WriteMetadata(input.metadata, &document.record);
  if (input.vector) {
    document.passages.push_back({.end = input.text.size()});
    document.vectors = std::move(input.vector->values);
  } else {
    KITH_RETURN_IF_ERROR(AddPassages(input, truncation, &document));
  }
  document.text = std::move(input.text);
  AddRows(std::move(input.metadata), &document);
  passages_ += document.passages.size();
  bytes_ += 2 * document.text.size() + document.record.ByteSizeLong();
  document.id = std::move(input.id);
  document.if_match = std::move(input.if_match);
  document.if_none_match = std::move(input.if_none_match);
  return absl::OkStatus();
}

void UpsertPreparation::AddRows(Metadata metadata, PreparedDocument* document) {
  document->metadata =
      std::make_shared<const index::MetadataRow>(context_.rows->MetadataOf(std::move(metadata)));
  for (const Passage& passage : document->passages) {
    const std::string_view span =
        std::string_view(document->text).substr(passage.begin, passage.end - passage.begin);
    document->terms.push_back(context_.rows->Terms(passage.heading_path, span));
    document->needs.Add(document->terms.back(), *document->metadata);
    bytes_ += document->terms.back().memory_bytes();
  }
  bytes_ += MetadataBytes(*document->metadata);
}

absl::Status UpsertPreparation::AddPassages(const DocumentInput& input, Truncation truncation,
                                            PreparedDocument* document) {
  KITH_ASSIGN_OR_RETURN(const EncoderRef encoder, RequireEncoder(context_));
  KITH_ASSIGN_OR_RETURN(document->passages,
                        Split(*encoder, input.text, context_.options.splitter, *write_->call));
  for (Passage& passage : document->passages) {
    const std::string_view span =
        std::string_view(input.text).substr(passage.begin, passage.end - passage.begin);
    encoder::EncodedInput encoded =
        encoder->Prepare(encoder::PassageText(passage.heading_path, span), encoder::Role::kPassage);
    if (encoded.truncated()) {
      if (truncation == Truncation::kNever) {
        return TooManyTokens(encoded.tokens_before_truncation, encoder->info().max_tokens);
      }
      document->truncated = true;
    }
    passage.token_count = encoded.token_ids.size();
    write_->encoded_tokens += encoded.token_ids.size();
    sequences_.push_back(std::move(encoded.token_ids));
  }
  return absl::OkStatus();
}

// Puts the rows of an encoder's answer into the documents that wait for them, in order.
absl::Status PlaceVectors(std::span<const float> rows, const VectorSpace& space,
                          PreparedWrite* write) {
  size_t next = 0;
  for (size_t i = 0; i < write->documents.size(); ++i) {
    PreparedDocument& document = write->documents[i];
    if (!document.vectors.empty()) continue;  // the client's own
    const size_t count = document.passages.size() * space.dimension;
    document.vectors.assign(rows.begin() + next, rows.begin() + next + count);
    next += count;
    KITH_RETURN_IF_ERROR(
        InField(CheckEmbeddings(document.vectors, space), FieldOf("documents", i)));
  }
  return absl::OkStatus();
}

// About what a change takes while it waits for its commit.
size_t BytesOf(const MetadataChange& change) {
  size_t bytes = sizeof(change) + change.id.size() + MetadataBytes(change.set);
  for (const std::string& key : change.remove) bytes += sizeof(key) + key.size();
  return bytes;
}

}  // namespace

absl::StatusOr<EncoderRef> RequireEncoder(const PrepareContext& context) {
  if (!context.encoder.ok()) return context.encoder.status();
  if (*context.encoder == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kNoEncoder,
                 "the collection has no encoder: send a vector of {} values instead of text",
                 context.space.dimension)
        .Field("text")
        .With("dimension", context.space.dimension);
  }
  return *context.encoder;
}

void PrepareUpsert(const Services& services, const PrepareContext& context, UpsertRequest request,
                   std::shared_ptr<const Call> call, PreparedDone done) {
  UpsertPreparation preparation(services, context);
  if (absl::Status status = preparation.Run(std::move(request), call); !status.ok()) {
    return done(std::move(status));
  }
  std::vector<EncodeQueue::Sequence> sequences = preparation.TakeSequences();
  if (sequences.empty()) return done(preparation.TakeWrite());

  // std::function wants what it captures to be copyable: the write travels in a shared pointer.
  auto write = std::make_shared<Prepared>(preparation.TakeWrite());
  auto encoded = [write, done, space = context.space](absl::StatusOr<std::vector<float>> rows) {
    absl::Status status = rows.ok() ? PlaceVectors(*rows, space, write->get()) : rows.status();
    if (!status.ok()) return done(std::move(status));
    done(std::move(*write));
  };
  if (absl::Status status =
          services.encodes.Submit(*context.encoder, std::move(sequences), encoder::Role::kPassage,
                                  call, std::move(encoded));
      !status.ok()) {
    done(std::move(status));
  }
}

absl::StatusOr<Prepared> PrepareDelete(const Services& services, const CollectionOptions& options,
                                       DeleteRequest request, std::shared_ptr<const Call> call) {
  const Limits& limits = services.limits;
  KITH_RETURN_IF_ERROR(CheckBatchSize(request.deletes.size(), "deletes", limits.batch_documents));
  KITH_RETURN_IF_ERROR(CheckRequestId(request.request_id, limits));
  KITH_RETURN_IF_ERROR(CheckIds(request.deletes, "deletes", limits));
  auto write = std::make_unique<PreparedWrite>();
  if (!request.request_id.empty()) write->request_hash = HashOf(request.deletes);
  write->request_id = std::move(request.request_id);
  write->durability = request.durability.value_or(options.default_durability);
  write->time = Now();
  write->deletes = std::move(request.deletes);
  write->call = std::move(call);
  return write;
}

absl::StatusOr<Prepared> PrepareUpdate(const Services& services, const CollectionOptions& options,
                                       UpdateMetadataRequest request,
                                       std::shared_ptr<const Call> call) {
  const Limits& limits = services.limits;
  KITH_RETURN_IF_ERROR(CheckBatchSize(request.updates.size(), "updates", limits.batch_documents));
  KITH_RETURN_IF_ERROR(CheckRequestId(request.request_id, limits));
  KITH_RETURN_IF_ERROR(CheckIds(request.updates, "updates", limits));
  size_t bytes = 0;
  for (size_t i = 0; i < request.updates.size(); ++i) {
    KITH_RETURN_IF_ERROR(call->Check());
    KITH_RETURN_IF_ERROR(
        InField(ValidateMetadataChange(request.updates[i], limits), FieldOf("updates", i)));
    bytes += BytesOf(request.updates[i]);
  }
  auto write = std::make_unique<PreparedWrite>();
  KITH_ASSIGN_OR_RETURN(write->memory, services.memory.ReserveForWrite(bytes));
  if (!request.request_id.empty()) write->request_hash = HashOf(request.updates);
  write->request_id = std::move(request.request_id);
  write->durability = request.durability.value_or(options.default_durability);
  write->time = Now();
  write->updates = std::move(request.updates);
  write->call = std::move(call);
  return write;
}

}  // namespace kith::engine
