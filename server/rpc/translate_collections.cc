#include "server/rpc/translate_collections.h"

#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/status.h"
#include "server/rpc/translate_common.h"
#include "server/rpc/translate_index.h"

namespace kith::rpc {
namespace {

constexpr char kDefaultSpace[] = "default";

absl::Status ReadSpace(const v1::VectorSpace& in, engine::CollectionSpec* out) {
  if (!in.name().empty() && in.name() != kDefaultSpace) {
    return InvalidArgument(reason::kInvalidName,
                           "{} cannot name the vector space: this version has one, \"{}\"",
                           Quoted(in.name()), kDefaultSpace)
        .Field("name");
  }
  if (!in.encoder().empty()) out->encoder = in.encoder();
  out->dimension = in.dimension();
  out->encoder_dimensions = in.encoder_dimensions();
  KITH_ASSIGN_OR_RETURN(out->metric, ReadMetric(in.metric(), "metric"));
  KITH_ASSIGN_OR_RETURN(out->index, ReadIndexOptions(in.index()));
  return absl::OkStatus();
}

absl::StatusOr<engine::IndexSettings> ReadIndexOf(const v1::Collection& in) {
  if (in.vector_spaces_size() != 1) {
    return InvalidArgument(reason::kInvalidRequest,
                           "got {} vector spaces: the index options of exactly one are changed",
                           in.vector_spaces_size())
        .Field("collection.vector_spaces");
  }
  absl::StatusOr<engine::IndexSettings> index = ReadIndexOptions(in.vector_spaces(0).index());
  if (!index.ok()) return InField(std::move(index).status(), "collection.vector_spaces[0]");
  return index;
}

absl::StatusOr<engine::SplitterOptions> ReadSplitterOf(const v1::Collection& in) {
  absl::StatusOr<engine::SplitterOptions> splitter = ReadSplitter(in.options().splitter());
  if (!splitter.ok()) {
    return InField(std::move(splitter).status(), "collection.options.splitter");
  }
  return splitter;
}

// What is absent is as by default. Which languages there are is the engine's to say.
engine::TextIndexSettings ReadTextIndex(const v1::TextIndexOptions& in) {
  engine::TextIndexSettings out;
  if (in.has_enabled()) out.enabled = in.enabled();
  if (!in.language().empty()) out.language = in.language();
  out.remove_stop_words = in.remove_stop_words();
  return out;
}

void WriteTextIndex(const engine::TextIndexSettings& settings, v1::TextIndexOptions* out) {
  out->set_enabled(settings.enabled);
  out->set_language(settings.language);
  out->set_remove_stop_words(settings.remove_stop_words);
}

absl::StatusOr<engine::Durability> ReadDurabilityOf(const v1::Collection& in) {
  KITH_ASSIGN_OR_RETURN(
      const auto durability,
      ReadDurability(in.options().default_durability(), "collection.options.default_durability"));
  return durability.value_or(engine::Durability::kSynced);
}

v1::CollectionState WriteState(engine::CollectionState state) {
  switch (state) {
    case engine::CollectionState::kLoading:
      return v1::COLLECTION_STATE_LOADING;
    case engine::CollectionState::kReady:
      return v1::COLLECTION_STATE_READY;
    case engine::CollectionState::kFailed:
      return v1::COLLECTION_STATE_FAILED;
  }
  return v1::COLLECTION_STATE_UNSPECIFIED;
}

v1::ReembeddingState WriteState(engine::ReembeddingState state) {
  switch (state) {
    case engine::ReembeddingState::kFilling:
      return v1::REEMBEDDING_STATE_FILLING;
    case engine::ReembeddingState::kCutOver:
      return v1::REEMBEDDING_STATE_CUT_OVER;
  }
  return v1::REEMBEDDING_STATE_UNSPECIFIED;
}

void WriteSpace(const engine::VectorSpace& space, v1::VectorSpace* out) {
  out->set_name(space.name);
  out->set_encoder(space.encoder);
  out->set_dimension(space.dimension);
  out->set_metric(WriteMetric(space.metric));
  out->set_encoder_fingerprint(space.space_hash);
  out->set_query_prompt(space.query_prompt);
  out->set_passage_prompt(space.passage_prompt);
  out->set_encoder_dimensions(space.encoder_dimensions);
  WriteIndexOptions(space.index, out->mutable_index());
}

v1::FieldType WriteFieldType(engine::FieldType type) {
  switch (type) {
    case engine::FieldType::kKeyword:
      return v1::FIELD_TYPE_KEYWORD;
    case engine::FieldType::kKeywordList:
      return v1::FIELD_TYPE_KEYWORD_LIST;
    case engine::FieldType::kInt64:
      return v1::FIELD_TYPE_INT64;
    case engine::FieldType::kDouble:
      return v1::FIELD_TYPE_DOUBLE;
    case engine::FieldType::kBool:
      return v1::FIELD_TYPE_BOOL;
    case engine::FieldType::kTimestamp:
      return v1::FIELD_TYPE_TIMESTAMP;
  }
  return v1::FIELD_TYPE_UNSPECIFIED;
}

v1::OperationState WriteState(engine::OperationState state) {
  switch (state) {
    case engine::OperationState::kRunning:
      return v1::OPERATION_STATE_RUNNING;
    case engine::OperationState::kSucceeded:
      return v1::OPERATION_STATE_SUCCEEDED;
    case engine::OperationState::kFailed:
      return v1::OPERATION_STATE_FAILED;
    case engine::OperationState::kCancelled:
      return v1::OPERATION_STATE_CANCELLED;
  }
  return v1::OPERATION_STATE_UNSPECIFIED;
}

}  // namespace

absl::StatusOr<engine::CollectionSpec> ReadCollection(const v1::CreateCollectionRequest& request) {
  const v1::Collection& in = request.collection();
  engine::CollectionSpec out;
  out.name = in.name();
  out.description = in.description();
  if (in.vector_spaces_size() > 1) {
    return InvalidArgument(reason::kInvalidRequest,
                           "got {} vector spaces: this version has exactly one a collection",
                           in.vector_spaces_size())
        .Field("collection.vector_spaces");
  }
  if (in.vector_spaces_size() == 1) {
    if (absl::Status status = ReadSpace(in.vector_spaces(0), &out); !status.ok()) {
      return InField(std::move(status), "collection.vector_spaces[0]");
    }
  }
  KITH_ASSIGN_OR_RETURN(out.options.splitter, ReadSplitterOf(in));
  KITH_ASSIGN_OR_RETURN(out.options.default_durability, ReadDurabilityOf(in));
  out.options.text_index = ReadTextIndex(in.options().text_index());
  out.options.unindexed_fields = {in.options().unindexed_fields().begin(),
                                  in.options().unindexed_fields().end()};
  out.expected_passages = request.expected_passage_count();
  return out;
}

absl::StatusOr<engine::CollectionUpdate> ReadUpdate(const v1::UpdateCollectionRequest& request) {
  const v1::Collection& in = request.collection();
  bool description = false, splitter = false, durability = false, index = false;
  if (request.update_mask().paths().empty()) {
    description = !in.description().empty();
    splitter = in.options().has_splitter();
    durability = in.options().default_durability() != v1::DURABILITY_UNSPECIFIED;
    index = in.vector_spaces_size() == 1 && in.vector_spaces(0).has_index();
  }
  for (const std::string& path : request.update_mask().paths()) {
    const bool options = path == "options";
    if (path == "description") {
      description = true;
    } else if (options || path == "options.splitter" || path == "options.default_durability") {
      splitter |= options || path == "options.splitter";
      durability |= options || path == "options.default_durability";
    } else if (path == "vector_spaces.*.index") {
      index = true;
    } else {
      return InvalidArgument(reason::kInvalidRequest,
                             "update_mask: {} cannot be changed: description, options, "
                             "options.splitter, options.default_durability and "
                             "vector_spaces.*.index can",
                             Quoted(path))
          .Field("update_mask");
    }
  }
  if (!description && !splitter && !durability && !index) {
    return InvalidArgument(reason::kInvalidRequest,
                           "nothing to change: set update_mask, or the fields to change")
        .Field("update_mask");
  }
  engine::CollectionUpdate out;
  out.if_match = in.etag();
  if (description) out.description = in.description();
  if (splitter) {
    KITH_ASSIGN_OR_RETURN(out.splitter, ReadSplitterOf(in));
  }
  if (durability) {
    KITH_ASSIGN_OR_RETURN(out.default_durability, ReadDurabilityOf(in));
  }
  if (index) {
    KITH_ASSIGN_OR_RETURN(out.index, ReadIndexOf(in));
  }
  return out;
}

absl::Status AtCollection(absl::Status status) {
  const std::string field = DetailsOf(status).field;
  if (field.empty()) return status;  // no field is at fault
  if (field == "expected_passage_count") return status;
  const bool of_space =
      field == "dimension" || field == "encoder_dimensions" || field.starts_with("index");
  return InField(std::move(status), of_space ? "collection.vector_spaces[0]" : "collection");
}

void WriteCollection(const engine::CollectionInfo& info, v1::Collection* out) {
  out->set_name(info.name);
  out->set_description(info.description);
  WriteSpace(info.space, out->add_vector_spaces());
  if (info.reembedding) {
    WriteSpace(info.reembedding->other, out->add_vector_spaces());
    v1::Reembedding* reembedding = out->mutable_reembedding();
    reembedding->set_state(WriteState(info.reembedding->state));
    reembedding->set_operation_id(info.reembedding->operation);
    reembedding->set_commit_at_cut_over(info.reembedding->commit_at_cut_over);
  }
  WriteSplitter(info.options.splitter, out->mutable_options()->mutable_splitter());
  out->mutable_options()->set_default_durability(WriteDurability(info.options.default_durability));
  WriteTextIndex(info.options.text_index, out->mutable_options()->mutable_text_index());
  for (const std::string& field : info.options.unindexed_fields) {
    out->mutable_options()->add_unindexed_fields(field);
  }
  out->set_etag(info.etag);
  WriteTimestamp(info.create_time, out->mutable_create_time());
  WriteTimestamp(info.update_time, out->mutable_update_time());
  out->set_state(WriteState(info.state));
}

void WriteStats(const std::string& name, const engine::CollectionStats& stats,
                v1::GetCollectionStatsResponse* out) {
  out->set_name(name);
  out->set_document_count(stats.documents);
  out->set_passage_count(stats.passages);
  out->set_text_bytes(stats.text_bytes);
  out->set_segment_count(stats.segments);
  out->set_deleted_row_count(stats.deleted_rows);
  out->set_index_memory_bytes(stats.index_memory_bytes);
  out->set_disk_bytes(stats.disk_bytes);
  SetToken(stats.commit_token, out);
  out->set_history_hash(stats.history_hash);
  for (const auto& [field, type] : stats.fields) {
    (*out->mutable_fields())[field] = WriteFieldType(type);
  }
}

void WriteOperation(const engine::Operation& operation, v1::Operation* out) {
  out->set_id(operation.id);
  switch (operation.kind) {
    case engine::OperationKind::kReclaimCollection:
      out->set_kind(v1::OPERATION_KIND_RECLAIM_COLLECTION);
      break;
    case engine::OperationKind::kSealIndex:
      out->set_kind(v1::OPERATION_KIND_SEAL_INDEX);
      break;
    case engine::OperationKind::kMergeIndex:
      out->set_kind(v1::OPERATION_KIND_MERGE_INDEX);
      break;
    case engine::OperationKind::kReembed:
      out->set_kind(v1::OPERATION_KIND_REEMBED);
      break;
    case engine::OperationKind::kLoadModel:
      out->set_kind(v1::OPERATION_KIND_LOAD_MODEL);
      break;
    case engine::OperationKind::kUnloadModel:
      out->set_kind(v1::OPERATION_KIND_UNLOAD_MODEL);
      break;
  }
  out->set_target(operation.target);
  out->set_state(WriteState(operation.state));
  out->set_phase(operation.phase);
  out->set_done(operation.done);
  out->set_total(operation.total);
  out->set_per_second(operation.per_second);
  if (operation.seconds_left) WriteSeconds(*operation.seconds_left, out->mutable_time_left());
  if (operation.state == engine::OperationState::kFailed) {
    const absl::Status error = Public(operation.error, operation.id);
    out->set_error_code(static_cast<int32_t>(error.code()));
    out->set_error_message(std::string(error.message()));
  }
  WriteTimestamp(operation.create_time, out->mutable_create_time());
  WriteTimestamp(operation.update_time, out->mutable_update_time());
}

}  // namespace kith::rpc
