#include "server/engine/preparer.h"

#include <algorithm>
#include <iterator>
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
#include "server/engine/document_reader.h"
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

// What the passages of a space wait for.
struct Waiting {
  size_t document = 0;  // in the write
  size_t part = 0;      // of its spaces
};
struct SpaceQueue {
  const SpaceInUse* space;
  std::vector<Waiting> waiting;
  std::vector<EncodeQueue::Sequence> sequences;  // of all of them, in order
};

// One upsert on its way: documents become PreparedDocuments, and what has to be encoded is
// gathered by vector space.
class UpsertPreparation {
 public:
  UpsertPreparation(const Services& services, const PrepareContext& context)
      : services_(services), context_(context) {
    queues_.push_back({&context.spaces->served, {}, {}});
    if (context.spaces->other) queues_.push_back({&*context.spaces->other, {}, {}});
  }

  absl::Status Run(UpsertRequest request, std::shared_ptr<const Call> call);

  Prepared TakeWrite() { return std::move(write_); }
  std::vector<SpaceQueue> TakeQueues() { return std::move(queues_); }

 private:
  absl::Status AddDocument(DocumentInput input, Truncation truncation,
                           const std::optional<store::DocumentRecord>& present);
  // The document's passages in one space: its own vector, those that are stored, or to be encoded.
  absl::Status AddPassages(SpaceQueue* queue, const DocumentInput& input, Truncation truncation,
                           const std::optional<store::DocumentRecord>& present,
                           PreparedDocument* document);
  absl::StatusOr<bool> Reuse(const SpaceInUse& space, Truncation truncation,
                             const store::DocumentRecord& present, const std::string& text,
                             PreparedPassages* passages) const;
  // As they are stored, if they have a text that may be unchanged.
  absl::StatusOr<std::vector<std::optional<store::DocumentRecord>>> Present(
      const std::vector<DocumentInput>& documents) const;
  absl::Status CheckPassageCount(size_t documents) const;
  absl::StatusOr<bool> WasSeen() const;

  const Services& services_;
  const PrepareContext& context_;
  Prepared write_ = std::make_unique<PreparedWrite>();
  std::vector<SpaceQueue> queues_;
  size_t bytes_ = 0;
  size_t passages_ = 0;  // in the space that has the most
};

// What the index takes of passages beside their vectors.
void AddTerms(const RowMaker& rows, std::string_view text, const index::MetadataRow& metadata,
              PreparedPassages* passages) {
  for (const Passage& passage : passages->passages) {
    const std::string_view span = text.substr(passage.begin, passage.end - passage.begin);
    passages->terms.push_back(rows.Terms(passage.heading_path, span));
    passages->needs.Add(passages->terms.back(), metadata);
  }
}

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
  KITH_ASSIGN_OR_RETURN(const auto present, Present(request.documents));
  const size_t count = request.documents.size();
  for (size_t i = 0; i < count; ++i) {
    KITH_RETURN_IF_ERROR(write_->call->Check());
    KITH_RETURN_IF_ERROR(
        InField(AddDocument(std::move(request.documents[i]), request.truncation, present[i]),
                FieldOf("documents", i)));
    KITH_RETURN_IF_ERROR(CheckPassageCount(count));
  }
  KITH_ASSIGN_OR_RETURN(write_->memory, services_.memory.ReserveForWrite(bytes_));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::optional<store::DocumentRecord>>> UpsertPreparation::Present(
    const std::vector<DocumentInput>& documents) const {
  const absl::StatusOr<EncoderRef>& encoder = context_.encoder();
  if (encoder.ok() && *encoder == nullptr) {
    return std::vector<std::optional<store::DocumentRecord>>(documents.size());
  }
  std::vector<std::string_view> ids;
  for (const DocumentInput& input : documents) ids.push_back(input.id);
  return services_.store->Latest().GetDocuments(context_.shard, ids);
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

absl::Status UpsertPreparation::AddDocument(DocumentInput input, Truncation truncation,
                                            const std::optional<store::DocumentRecord>& present) {
  if (!input.text.empty() || !input.vector) {
    KITH_RETURN_IF_ERROR(ValidateText(input.text, services_.limits));
  }
  if (input.vector) {
    KITH_RETURN_IF_ERROR(CheckOwnVector(*input.vector, context_.space()));
    if (input.text.empty() && context_.spaces->other) {
      return Error(absl::StatusCode::kFailedPrecondition, reason::kReembedding,
                   "the collection is being re-embedded by the encoder \"{}\": it takes documents "
                   "with a text, beside which they may have a vector",
                   context_.spaces->other->space.encoder)
          .Field("text");
    }
  }
  KITH_RETURN_IF_ERROR(ValidateMetadata(input.metadata, services_.limits));

  PreparedDocument& document = write_->documents.emplace_back();
  document.record.set_text_size_bytes(input.text.size());
  document.record.set_vector_given_by_user(input.vector.has_value());
  document.record.set_update_time_us(write_->time.micros);
  document.record.set_content_hash(ContentHash(input));
  WriteMetadata(input.metadata, &document.record);
  document.metadata = std::make_shared<const index::MetadataRow>(
      context_.rows->MetadataOf(std::move(input.metadata)));
  size_t most = 0;
  for (SpaceQueue& queue : queues_) {
    KITH_RETURN_IF_ERROR(AddPassages(&queue, input, truncation, present, &document));
    const PreparedPassages& added = document.spaces.back();
    most = std::max(most, added.passages.size());
    bytes_ += added.passages.size() * queue.space->space.dimension * sizeof(float);
    for (const index::RowTerms& terms : added.terms) bytes_ += terms.memory_bytes();
  }
  passages_ += most;
  document.text = std::move(input.text);
  bytes_ +=
      2 * document.text.size() + document.record.ByteSizeLong() + MetadataBytes(*document.metadata);
  document.id = std::move(input.id);
  document.if_match = std::move(input.if_match);
  document.if_none_match = std::move(input.if_none_match);
  return absl::OkStatus();
}

absl::Status UpsertPreparation::AddPassages(SpaceQueue* queue, const DocumentInput& input,
                                            Truncation truncation,
                                            const std::optional<store::DocumentRecord>& present,
                                            PreparedDocument* document) {
  const SpaceInUse& space = *queue->space;
  PreparedPassages& passages = document->spaces.emplace_back();
  passages.space = space.space.number;
  if (input.vector && queue == &queues_.front()) {
    passages.passages.push_back({.end = input.text.size()});
    passages.vectors = input.vector->values;
    AddTerms(*context_.rows, input.text, *document->metadata, &passages);
    return absl::OkStatus();
  }
  if (present) {
    KITH_ASSIGN_OR_RETURN(const bool reused,
                          Reuse(space, truncation, *present, input.text, &passages));
    if (reused) {
      AddTerms(*context_.rows, input.text, *document->metadata, &passages);
      return absl::OkStatus();
    }
  }
  KITH_ASSIGN_OR_RETURN(SplitPassages split, SplitFor(space, context_, input.text, truncation,
                                                      *document->metadata, *write_->call));
  passages = std::move(split.passages);
  write_->encoded_tokens += split.tokens;
  queue->waiting.push_back({write_->documents.size() - 1, document->spaces.size() - 1});
  std::move(split.sequences.begin(), split.sequences.end(), std::back_inserter(queue->sequences));
  return absl::OkStatus();
}

// Encoding is a function of what the source hash covers: what is stored under the same one is what
// would come out again.
absl::StatusOr<bool> UpsertPreparation::Reuse(const SpaceInUse& space, Truncation truncation,
                                              const store::DocumentRecord& present,
                                              const std::string& text,
                                              PreparedPassages* passages) const {
  const store::PassageRange* range = RangeIn(present, space.space.number);
  if (range == nullptr || present.text_size_bytes() != text.size() ||
      (range->truncated() && truncation == Truncation::kNever) ||
      range->source_hash() != SourceHash(text, context_.options.splitter, space.space)) {
    return false;
  }
  const storage::Reader reader = services_.store->Latest();
  const std::vector<uint64_t> ordinals =
      OrdinalsFrom(range->first_ordinal(), range->passage_count());
  KITH_ASSIGN_OR_RETURN(const auto records,
                        reader.GetPassages(context_.shard, space.space.number, ordinals));
  KITH_ASSIGN_OR_RETURN(const auto vectors, reader.GetVectors(context_.shard, space.space.number,
                                                              space.space.dimension, ordinals));
  PreparedPassages stored;
  stored.space = space.space.number;
  stored.source_hash = range->source_hash();
  stored.truncated = range->truncated();
  for (size_t i = 0; i < ordinals.size(); ++i) {
    // Written anew since its record was read; or damaged, which is for readers to find.
    if (!records[i] || !vectors[i] || records[i]->end() > text.size()) return false;
    stored.passages.push_back(ReadPassage(*records[i]));
    const std::vector<float>& values = vectors[i]->values;
    stored.vectors.insert(stored.vectors.end(), values.begin(), values.end());
  }
  *passages = std::move(stored);
  return true;
}

// A prepared upsert, whose passages are encoded one space after the other.
struct Encoding {
  const Services& services;
  std::shared_ptr<const SpaceSet> spaces;  // what the queues refer to
  Prepared write;
  std::vector<SpaceQueue> queues;
  std::shared_ptr<const Call> call;
  PreparedDone done;
};

absl::Status PlaceRows(std::span<const float> rows, const SpaceQueue& queue, PreparedWrite* write) {
  for (const Waiting& waiting : queue.waiting) {
    PreparedPassages& passages = write->documents[waiting.document].spaces[waiting.part];
    const size_t count = passages.passages.size() * queue.space->space.dimension;
    KITH_RETURN_IF_ERROR(InField(PlaceVectors(rows.first(count), queue.space->space, &passages),
                                 FieldOf("documents", waiting.document)));
    rows = rows.subspan(count);
  }
  return absl::OkStatus();
}

void EncodeFrom(const std::shared_ptr<Encoding>& encoding, size_t next) {
  while (next < encoding->queues.size() && encoding->queues[next].sequences.empty()) ++next;
  if (next == encoding->queues.size()) return encoding->done(std::move(encoding->write));
  SpaceQueue& queue = encoding->queues[next];
  auto encoded = [encoding, next](absl::StatusOr<std::vector<float>> rows) {
    absl::Status status =
        rows.ok() ? PlaceRows(*rows, encoding->queues[next], encoding->write.get()) : rows.status();
    if (!status.ok()) return encoding->done(std::move(status));
    EncodeFrom(encoding, next + 1);
  };
  if (absl::Status status = encoding->services.encodes.Submit(
          *queue.space->encoder, std::move(queue.sequences), encoder::Role::kPassage,
          encoding->call, std::move(encoded));
      !status.ok()) {
    encoding->done(std::move(status));
  }
}

// About what a change takes while it waits for its commit.
size_t BytesOf(const MetadataChange& change) {
  size_t bytes = sizeof(change) + change.id.size() + MetadataBytes(change.set);
  for (const std::string& key : change.remove) bytes += sizeof(key) + key.size();
  return bytes;
}

}  // namespace

absl::StatusOr<EncoderRef> RequireEncoder(const SpaceInUse& space) {
  if (!space.encoder.ok()) return space.encoder.status();
  if (*space.encoder == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kNoEncoder,
                 "the collection has no encoder: send a vector of {} values instead of text",
                 space.space.dimension)
        .Field("text")
        .With("dimension", space.space.dimension);
  }
  return *space.encoder;
}

absl::StatusOr<SplitPassages> SplitFor(const SpaceInUse& space, const PrepareContext& context,
                                       std::string_view text, Truncation truncation,
                                       const index::MetadataRow& metadata, const Call& call) {
  KITH_ASSIGN_OR_RETURN(const EncoderRef encoder, RequireEncoder(space));
  SplitPassages split;
  PreparedPassages& passages = split.passages;
  passages.space = space.space.number;
  passages.source_hash = SourceHash(text, context.options.splitter, space.space);
  KITH_ASSIGN_OR_RETURN(passages.passages, Split(*encoder, text, context.options.splitter, call));
  for (Passage& passage : passages.passages) {
    const std::string_view span = text.substr(passage.begin, passage.end - passage.begin);
    encoder::EncodedInput encoded =
        encoder->Prepare(encoder::PassageText(passage.heading_path, span), encoder::Role::kPassage);
    if (encoded.truncated()) {
      if (truncation == Truncation::kNever) {
        return TooManyTokens(encoded.tokens_before_truncation, encoder->info().max_tokens);
      }
      passages.truncated = true;
    }
    passage.token_count = encoded.token_ids.size();
    split.tokens += encoded.token_ids.size();
    split.sequences.push_back(std::move(encoded.token_ids));
  }
  AddTerms(*context.rows, text, metadata, &passages);
  return split;
}

absl::Status PlaceVectors(std::span<const float> rows, const VectorSpace& space,
                          PreparedPassages* passages) {
  passages->vectors.assign(rows.begin(), rows.end());
  return CheckEmbeddings(passages->vectors, space);
}

void PrepareUpsert(const Services& services, const PrepareContext& context, UpsertRequest request,
                   std::shared_ptr<const Call> call, PreparedDone done) {
  UpsertPreparation preparation(services, context);
  if (absl::Status status = preparation.Run(std::move(request), call); !status.ok()) {
    return done(std::move(status));
  }
  Prepared write = preparation.TakeWrite();
  write->spaces = context.spaces;
  EncodeFrom(std::make_shared<Encoding>(Encoding{services, context.spaces, std::move(write),
                                                 preparation.TakeQueues(), std::move(call),
                                                 std::move(done)}),
             0);
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
