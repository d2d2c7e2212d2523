#include "server/engine/records.h"

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
  store::VectorSpaceRecord* space = record.add_spaces();
  space->set_number(0);
  space->set_name(info.space.name);
  space->set_dimension(info.space.dimension);
  space->set_metric(static_cast<store::Metric>(static_cast<int>(info.space.metric) + 1));
  if (!info.space.encoder.empty()) {
    store::EncoderBinding* encoder = space->mutable_encoder();
    encoder->set_model_name(info.space.encoder);
    encoder->set_artifact_hash(info.space.artifact_hash);
    encoder->set_space_hash(info.space.space_hash);
    encoder->set_query_prompt(info.space.query_prompt);
    encoder->set_passage_prompt(info.space.passage_prompt);
    encoder->set_dimensions(info.space.encoder_dimensions);
  }
  store::IndexRecord* index = space->mutable_index();
  index->set_quantization(static_cast<store::Quantization>(info.space.index.quantization));
  index->set_m(info.space.index.m);
  index->set_ef_construction(info.space.index.ef_construction);
  store::SplitterRecord* splitter = space->mutable_splitter();
  splitter->set_kind(static_cast<store::SplitterKind>(info.options.splitter.kind));
  splitter->set_max_tokens(info.options.splitter.max_tokens);
  splitter->set_overlap_tokens(info.options.splitter.overlap_tokens);
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
  if (record.spaces_size() != 1 || record.shards_size() != 1) {
    return Corrupt(fmt::format("collection {} has {} vector spaces and {} shards", number,
                               record.spaces_size(), record.shards_size()));
  }
  const store::VectorSpaceRecord& space = record.spaces(0);
  if (space.metric() < store::METRIC_COSINE || space.metric() > store::METRIC_L2 ||
      space.dimension() < 1 || space.dimension() > index::kMaxDimension ||
      space.splitter().kind() < store::SPLITTER_KIND_NONE ||
      space.splitter().kind() > store::SPLITTER_KIND_MARKDOWN ||
      record.default_durability() < store::DURABILITY_SYNCED ||
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
  info.options.splitter.kind = static_cast<SplitterKind>(space.splitter().kind());
  info.options.splitter.max_tokens = space.splitter().max_tokens();
  info.options.splitter.overlap_tokens = space.splitter().overlap_tokens();
  if (record.has_terms()) {
    info.options.text_index = {record.terms().enabled(), record.terms().language(),
                               record.terms().remove_stop_words()};
    if (!ValidateTextIndex(info.options.text_index).ok()) {
      return Corrupt(fmt::format("the text index of collection {}", number));
    }
  }
  info.options.unindexed_fields.assign(record.unindexed_fields().begin(),
                                       record.unindexed_fields().end());
  info.space.name = space.name();
  info.space.dimension = space.dimension();
  info.space.metric = static_cast<Metric>(space.metric() - 1);
  if (space.has_index()) {
    info.space.index = {static_cast<Quantization>(space.index().quantization()), space.index().m(),
                        space.index().ef_construction()};
    if (!ValidateIndexSettings(info.space.index).ok()) {
      return Corrupt(fmt::format("the index settings of collection {}", number));
    }
  }
  if (space.has_encoder()) {
    info.space.encoder = space.encoder().model_name();
    info.space.artifact_hash = space.encoder().artifact_hash();
    info.space.space_hash = space.encoder().space_hash();
    info.space.query_prompt = space.encoder().query_prompt();
    info.space.passage_prompt = space.encoder().passage_prompt();
    info.space.encoder_dimensions = space.encoder().dimensions();
  }
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
