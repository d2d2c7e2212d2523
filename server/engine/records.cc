#include "server/engine/records.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "fmt/format.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/validate.h"

namespace kith::engine {
namespace {

struct KindName {
  OperationKind kind;
  const char* name;
};
constexpr KindName kOperationKinds[] = {{OperationKind::kReclaimCollection, "reclaim_collection"},
                                        {OperationKind::kSealIndex, "seal_index"},
                                        {OperationKind::kMergeIndex, "merge_index"},
                                        {OperationKind::kReembed, "reembed"},
                                        {OperationKind::kLoadModel, "load_model"},
                                        {OperationKind::kUnloadModel, "unload_model"}};

absl::Status Corrupt(const std::string& what) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption, "a stored record is damaged: {}",
               what);
}

void WriteValue(const MetadataValue& value, store::MetadataValue* out) {
  std::visit(
      [out](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string>) {
          out->set_keyword(v);
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          auto* list = out->mutable_keyword_list();
          for (const std::string& keyword : v) list->add_values(keyword);
        } else if constexpr (std::is_same_v<T, int64_t>) {
          out->set_int64_value(v);
        } else if constexpr (std::is_same_v<T, double>) {
          out->set_double_value(v);
        } else if constexpr (std::is_same_v<T, bool>) {
          out->set_bool_value(v);
        } else {
          out->set_timestamp_us(v.micros);
        }
      },
      value);
}

absl::StatusOr<MetadataValue> ReadValue(const store::MetadataValue& value) {
  switch (value.value_case()) {
    case store::MetadataValue::kKeyword:
      return MetadataValue(value.keyword());
    case store::MetadataValue::kKeywordList:
      return MetadataValue(std::vector<std::string>(value.keyword_list().values().begin(),
                                                    value.keyword_list().values().end()));
    case store::MetadataValue::kInt64Value:
      return MetadataValue(value.int64_value());
    case store::MetadataValue::kDoubleValue:
      return MetadataValue(value.double_value());
    case store::MetadataValue::kBoolValue:
      return MetadataValue(value.bool_value());
    case store::MetadataValue::kTimestampUs:
      return MetadataValue(Timestamp{value.timestamp_us()});
    case store::MetadataValue::VALUE_NOT_SET:
      break;
  }
  return Corrupt("a metadata value without a type");
}

void WriteSpace(const VectorSpace& info, const SplitterOptions& options,
                store::VectorSpaceRecord* space) {
  space->set_number(info.number);
  space->set_name(info.name);
  space->set_dimension(info.dimension);
  space->set_metric(static_cast<store::Metric>(static_cast<int>(info.metric) + 1));
  if (!info.encoder.empty()) {
    store::EncoderBinding* encoder = space->mutable_encoder();
    encoder->set_model_name(info.encoder);
    encoder->set_artifact_hash(info.artifact_hash);
    encoder->set_space_hash(info.space_hash);
    encoder->set_query_prompt(info.query_prompt);
    encoder->set_passage_prompt(info.passage_prompt);
    encoder->set_dimensions(info.encoder_dimensions);
  }
  store::IndexRecord* index = space->mutable_index();
  index->set_quantization(static_cast<store::Quantization>(info.index.quantization));
  index->set_m(info.index.m);
  index->set_ef_construction(info.index.ef_construction);
  store::SplitterRecord* splitter = space->mutable_splitter();
  splitter->set_kind(static_cast<store::SplitterKind>(options.kind));
  splitter->set_max_tokens(options.max_tokens);
  splitter->set_overlap_tokens(options.overlap_tokens);
}

absl::StatusOr<VectorSpace> ReadSpace(uint32_t collection, const store::VectorSpaceRecord& space) {
  if (space.number() > UINT16_MAX || space.metric() < store::METRIC_COSINE ||
      space.metric() > store::METRIC_L2 || space.dimension() < 1 ||
      space.dimension() > index::kMaxDimension ||
      space.splitter().kind() < store::SPLITTER_KIND_NONE ||
      space.splitter().kind() > store::SPLITTER_KIND_MARKDOWN) {
    return Corrupt(fmt::format("the schema of collection {}", collection));
  }
  VectorSpace info;
  info.number = static_cast<uint16_t>(space.number());
  info.name = space.name();
  info.dimension = space.dimension();
  info.metric = static_cast<Metric>(space.metric() - 1);
  if (space.has_index()) {
    info.index = {static_cast<Quantization>(space.index().quantization()), space.index().m(),
                  space.index().ef_construction()};
    if (!ValidateIndexSettings(info.index).ok()) {
      return Corrupt(fmt::format("the index settings of collection {}", collection));
    }
  }
  if (space.has_encoder()) {
    info.encoder = space.encoder().model_name();
    info.artifact_hash = space.encoder().artifact_hash();
    info.space_hash = space.encoder().space_hash();
    info.query_prompt = space.encoder().query_prompt();
    info.passage_prompt = space.encoder().passage_prompt();
    info.encoder_dimensions = space.encoder().dimensions();
  }
  return info;
}

}  // namespace

std::string DocumentEtag(uint32_t shard, uint64_t sequence) {
  return fmt::format("{:x}-{:x}", shard, sequence);
}

std::string CollectionEtag(uint32_t collection, uint64_t revision) {
  return fmt::format("{:x}-{:x}", collection, revision);
}

void WriteMetadata(const Metadata& metadata, store::DocumentRecord* record) {
  for (const auto& [key, value] : metadata) {
    store::MetadataEntry* entry = record->add_metadata();
    entry->set_key(key);
    WriteValue(value, entry->mutable_value());
  }
}

absl::StatusOr<Metadata> ReadMetadata(const store::DocumentRecord& record) {
  Metadata metadata;
  for (const store::MetadataEntry& entry : record.metadata()) {
    KITH_ASSIGN_OR_RETURN(metadata[entry.key()], ReadValue(entry.value()));
  }
  return metadata;
}

FieldType TypeOf(const store::MetadataValue& value) {
  switch (value.value_case()) {
    case store::MetadataValue::kKeywordList:
      return FieldType::kKeywordList;
    case store::MetadataValue::kInt64Value:
      return FieldType::kInt64;
    case store::MetadataValue::kDoubleValue:
      return FieldType::kDouble;
    case store::MetadataValue::kBoolValue:
      return FieldType::kBool;
    case store::MetadataValue::kTimestampUs:
      return FieldType::kTimestamp;
    case store::MetadataValue::kKeyword:
    case store::MetadataValue::VALUE_NOT_SET:
      break;
  }
  return FieldType::kKeyword;
}

const store::PassageRange* RangeIn(const store::DocumentRecord& record, uint16_t space) {
  for (const store::PassageRange& range : record.passages()) {
    if (range.space() == space) return &range;
  }
  return nullptr;
}

store::SpaceCounter CounterOf(const store::ShardState& state, uint16_t space) {
  store::SpaceCounter counter;
  counter.set_space(space);
  for (const store::SpaceCounter& known : state.spaces()) {
    if (known.space() == space) counter = known;
  }
  if (state.live_passages() != 0) {
    counter.set_live_passages(state.live_passages());
    counter.set_live_documents(state.live_documents());
  }
  return counter;
}

store::PassageRecord PassageRecordOf(const std::string& document_id, const Passage& passage) {
  store::PassageRecord record;
  record.set_document_id(document_id);
  record.set_passage_index(passage.index);
  record.set_begin(passage.begin);
  record.set_end(passage.end);
  record.set_heading_path(passage.heading_path);
  record.set_token_count(passage.token_count);
  return record;
}

Passage ReadPassage(const store::PassageRecord& record) {
  return {record.passage_index(), record.begin(), record.end(), record.heading_path(),
          record.token_count()};
}

store::CollectionRecord CollectionRecordOf(const CollectionInfo& info, uint64_t revision,
                                           uint32_t shard_number, const std::string& shard_uuid,
                                           uint64_t epoch) {
  store::CollectionRecord record;
  record.set_name(info.name);
  record.set_description(info.description);
  record.set_state(store::COLLECTION_STATE_ACTIVE);
  record.set_create_time_us(info.create_time.micros);
  record.set_update_time_us(info.update_time.micros);
  record.set_revision(revision);
  record.set_default_durability(static_cast<store::Durability>(info.options.default_durability));
  WriteSpace(info.space, info.options.splitter, record.add_spaces());
  if (info.reembedding) {
    WriteSpace(info.reembedding->other, info.options.splitter, record.add_spaces());
    store::ReembeddingRecord* reembedding = record.mutable_reembedding();
    reembedding->set_state(static_cast<store::ReembeddingState>(info.reembedding->state));
    reembedding->set_operation_id(info.reembedding->operation);
    reembedding->set_commit_at_cut_over(info.reembedding->commit_at_cut_over);
  }
  record.set_next_space(info.next_space);
  store::TermsRecord* terms = record.mutable_terms();
  terms->set_enabled(info.options.text_index.enabled);
  terms->set_language(info.options.text_index.language);
  terms->set_remove_stop_words(info.options.text_index.remove_stop_words);
  for (const std::string& field : info.options.unindexed_fields) {
    record.add_unindexed_fields(field);
  }
  store::ShardRef* shard = record.add_shards();
  shard->set_number(shard_number);
  shard->set_uuid(shard_uuid);
  shard->set_epoch(epoch);
  return record;
}

absl::StatusOr<CollectionInfo> ReadCollection(uint32_t number,
                                              const store::CollectionRecord& record) {
  // storage has seen to it that there are two spaces if and only if there is a re-embedding.
  if (record.spaces_size() > 2 || record.shards_size() != 1) {
    return Corrupt(fmt::format("collection {} has {} vector spaces and {} shards", number,
                               record.spaces_size(), record.shards_size()));
  }
  if (record.default_durability() < store::DURABILITY_SYNCED ||
      record.default_durability() > store::DURABILITY_APPLIED) {
    return Corrupt(fmt::format("the schema of collection {}", number));
  }
  CollectionInfo info;
  info.name = record.name();
  info.description = record.description();
  info.etag = CollectionEtag(number, record.revision());
  info.create_time = {record.create_time_us()};
  info.update_time = {record.update_time_us()};
  info.options.default_durability = static_cast<Durability>(record.default_durability());
  const store::SplitterRecord& splitter = record.spaces(0).splitter();
  info.options.splitter.kind = static_cast<SplitterKind>(splitter.kind());
  info.options.splitter.max_tokens = splitter.max_tokens();
  info.options.splitter.overlap_tokens = splitter.overlap_tokens();
  if (record.has_terms()) {
    info.options.text_index = {record.terms().enabled(), record.terms().language(),
                               record.terms().remove_stop_words()};
    if (!ValidateTextIndex(info.options.text_index).ok()) {
      return Corrupt(fmt::format("the text index of collection {}", number));
    }
  }
  info.options.unindexed_fields.assign(record.unindexed_fields().begin(),
                                       record.unindexed_fields().end());
  KITH_ASSIGN_OR_RETURN(info.space, ReadSpace(number, record.spaces(0)));
  if (record.has_reembedding()) {
    Reembedding& reembedding = info.reembedding.emplace();
    reembedding.state = static_cast<ReembeddingState>(record.reembedding().state());
    reembedding.operation = record.reembedding().operation_id();
    reembedding.commit_at_cut_over = record.reembedding().commit_at_cut_over();
    KITH_ASSIGN_OR_RETURN(reembedding.other, ReadSpace(number, record.spaces(1)));
  }
  if (record.next_space() > UINT16_MAX) {
    return Corrupt(
        fmt::format("collection {} has had {} vector spaces", number, record.next_space()));
  }
  info.next_space = static_cast<uint16_t>(std::max<uint32_t>(record.next_space(), 1));
  return info;
}

store::OperationRecord OperationRecordOf(const Operation& operation, uint32_t collection_number) {
  store::OperationRecord record;
  for (const KindName& known : kOperationKinds) {
    if (known.kind == operation.kind) record.set_kind(known.name);
  }
  record.set_target(operation.target);
  record.set_phase(operation.phase);
  record.set_done(operation.done);
  record.set_total(operation.total);
  record.set_state(static_cast<store::OperationState>(operation.state));
  if (!operation.error.ok()) {
    record.set_error_code(static_cast<int>(operation.error.code()));
    record.set_error_message(std::string(operation.error.message()));
  }
  record.set_create_time_us(operation.create_time.micros);
  record.set_update_time_us(operation.update_time.micros);
  if (operation.ended()) record.set_end_time_us(operation.update_time.micros);
  record.set_collection_number(collection_number);
  return record;
}

Operation ReadOperation(const std::string& id, const store::OperationRecord& record) {
  Operation operation;
  operation.id = id;
  for (const KindName& known : kOperationKinds) {
    if (record.kind() == known.name) operation.kind = known.kind;
  }
  operation.target = record.target();
  operation.phase = record.phase();
  operation.done = record.done();
  operation.total = record.total();
  operation.state = static_cast<OperationState>(record.state());
  if (record.error_code() != 0) {
    operation.error =
        absl::Status(static_cast<absl::StatusCode>(record.error_code()), record.error_message());
  }
  operation.create_time = {record.create_time_us()};
  operation.update_time = {record.update_time_us()};
  return operation;
}

std::string WriteAnswerBytes(const WriteAnswer& answer) {
  store::WriteAnswerRecord record;
  record.set_encoded_tokens(answer.encoded_tokens);
  record.set_deleted(answer.deleted);
  record.set_missing(answer.missing);
  for (const UpsertResult& result : answer.results) {
    store::UpsertedDocument* document = record.add_documents();
    document->set_id(result.id);
    document->set_created(result.created);
    document->set_passage_count(result.passage_count);
    document->set_truncated(result.truncated);
  }
  return record.SerializeAsString();
}

absl::StatusOr<WriteAnswer> ReadWriteAnswer(const std::string& bytes) {
  store::WriteAnswerRecord record;
  if (!record.ParseFromString(bytes)) return Corrupt("the answer of a repeated request");
  WriteAnswer answer;
  answer.encoded_tokens = record.encoded_tokens();
  answer.deleted = record.deleted();
  answer.missing = record.missing();
  for (const store::UpsertedDocument& document : record.documents()) {
    answer.results.push_back(
        {document.id(), "", document.created(), document.passage_count(), document.truncated()});
  }
  return answer;
}

}  // namespace kith::engine
