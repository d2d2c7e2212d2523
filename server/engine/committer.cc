#include "server/engine/committer.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "kith/base/check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/records.h"
#include "server/engine/validate.h"

namespace kith::engine {
namespace {

absl::Status EtagMismatch(const std::string& id, const char* condition, const std::string& given,
                          const std::string& present) {
  return Error(absl::StatusCode::kAborted, reason::kEtagMismatch,
               "the document {} {}, the condition was {} {}", Quoted(id),
               present.empty() ? "does not exist" : "has etag " + present, condition, Quoted(given))
      .Field(condition)
      .With("current_etag", present);
}

// `present`: the stored document's etag, empty if there is none.
absl::Status CheckEtag(const std::string& id, const std::string& if_match,
                       const std::string& if_none_match, const std::string& present) {
  if (!if_match.empty() && if_match != present) {
    return EtagMismatch(id, "if_match", if_match, present);
  }
  if (!if_none_match.empty() && !present.empty() &&
      (if_none_match == "*" || if_none_match == present)) {
    return EtagMismatch(id, "if_none_match", if_none_match, present);
  }
  return absl::OkStatus();
}

store::SpaceCounter* CounterOf(store::ShardState* state) {
  if (state->spaces().empty()) state->add_spaces()->set_space(kSpace);
  return state->mutable_spaces(0);
}

}  // namespace

Committer::Committer(const Services* services, const ShardIdentity& identity,
                     std::shared_ptr<const RowMaker> rows, store::ShardState state,
                     FieldRegistry fields, std::unique_ptr<index::IndexWriter> index,
                     const IndexDebt* debt)
    : services_(services),
      identity_(identity),
      rows_(std::move(rows)),
      debt_(debt),
      state_(std::move(state)),
      fields_(std::make_shared<const FieldRegistry>(std::move(fields))),
      index_(std::move(index)),
      index_memory_(services->memory.Take(index_->memory_bytes())),
      requests_(services->store.get(), identity.shard),
      // Opening the store synced everything before it.
      synced_sequence_(state_.sequence()) {}

std::shared_ptr<const View> Committer::MakeView() {
  auto view = std::make_shared<View>(View{.index = index_->Publish(),
                                          .snapshot = services_->store->TakeSnapshot(),
                                          .sequence = state_.sequence(),
                                          .running_hash = state_.running_hash(),
                                          .documents = state_.live_documents(),
                                          .passages = state_.live_passages(),
                                          .text_bytes = state_.live_text_bytes(),
                                          .fields = fields_});
  index_memory_.Resize(index_->memory_bytes());
  return view;
}

void Committer::BeginGroup() {
  next_state_ = state_;
  next_fields_ = *fields_;
  fields_changed_ = false;
  reserved_ = {};
  current_.clear();
  changes_.clear();
}

Committer::Outcome Committer::Commit(const std::vector<Write>& writes) {
  BeginGroup();
  Outcome outcome;
  storage::CommitBatch batch(*services_->store);
  bool sync = false;
  absl::Status fatal = LoadCurrent(writes);
  for (const Write& write : writes) {
    auto& answer = outcome.answers.emplace_back(WriteAnswer());
    if (!fatal.ok()) {
      answer = fatal;
      continue;
    }
    if (!write->request_id.empty()) {
      const auto first = requests_.Find(*write);
      if (!first.ok()) {
        answer = first.status();
        continue;
      }
      if (*first) {
        answer = ReadWriteAnswer((*first)->answer());
        if (answer.ok()) answer = Repeat(**first, *std::move(answer));
        continue;
      }
      if (write->repeated) {
        answer = Error(absl::StatusCode::kAborted, reason::kRequestIdReused,
                       "the first answer to this request id expired just now: send it again")
                     .Field("request_id");
        continue;
      }
    }
    auto updates = Check(*write);
    if (!updates.ok()) {
      answer = updates.status();
      continue;
    }
    answer = Stage(*write, *std::move(updates), &batch);
    if (!answer.ok()) fatal = answer.status();
    sync = sync || write->durability == Durability::kSynced;
  }

  const bool staged = next_state_.sequence() != state_.sequence();
  if (fatal.ok() && staged) fatal = Persist(sync, &batch);
  requests_.EndGroup(fatal.ok());
  if (!fatal.ok()) {
    // Nothing of this group is there: also what had passed, and repeats of what was staged.
    for (auto& answer : outcome.answers) {
      if (answer.ok()) answer = fatal;
    }
    return outcome;
  }
  if (staged) {
    Apply();
    outcome.view = MakeView();
  }
  for (auto& answer : outcome.answers) {
    if (!answer.ok()) continue;
    answer->durability =
        answer->token.sequence <= synced_sequence_ ? Durability::kSynced : Durability::kApplied;
  }
  return outcome;
}

// Everything the group's conditions can depend on, in one read.
absl::Status Committer::LoadCurrent(const std::vector<Write>& writes) {
  std::vector<std::string_view> ids;
  for (const Write& write : writes) {
    for (const PreparedDocument& document : write->documents) ids.push_back(document.id);
    for (const DocumentDelete& one : write->deletes) ids.push_back(one.id);
    for (const MetadataChange& change : write->updates) ids.push_back(change.id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  KITH_ASSIGN_OR_RETURN(auto records,
                        services_->store->Latest().GetDocuments(identity_.shard, ids));
  current_.reserve(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    if (records[i] && records[i]->passages_size() != 1) {
      return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
                   "the stored record of document {} names {} vector spaces, must be 1",
                   Quoted(ids[i]), records[i]->passages_size());
    }
    current_.emplace(ids[i], std::move(records[i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<Committer::Updates> Committer::Check(const PreparedWrite& write) {
  KITH_RETURN_IF_ERROR(write.call->Check());
  KITH_RETURN_IF_ERROR(CheckConditions(write));
  FieldRegistry fields = next_fields_;
  KITH_ASSIGN_OR_RETURN(const bool changed, AbsorbFields(write, &fields));
  KITH_ASSIGN_OR_RETURN(Updates updates, ChangeMetadata(write));
  KITH_RETURN_IF_ERROR(ReserveMemory(write, updates));
  if (changed) {
    next_fields_ = std::move(fields);
    fields_changed_ = true;
  }
  return updates;
}

absl::StatusOr<bool> Committer::AbsorbFields(const PreparedWrite& write,
                                             FieldRegistry* fields) const {
  const size_t most = services_->limits.collection_fields;
  bool changed = false;
  for (size_t i = 0; i < write.documents.size(); ++i) {
    const auto absorbed = fields->Absorb(write.documents[i].record, most);
    if (!absorbed.ok()) return InField(absorbed.status(), fmt::format("documents[{}]", i));
    changed = changed || *absorbed;
  }
  for (size_t i = 0; i < write.updates.size(); ++i) {
    // A change of a document that does not exist fixes no types.
    if (!current_.at(write.updates[i].id)) continue;
    const auto absorbed = fields->Absorb(write.updates[i].set, most);
    if (!absorbed.ok()) return InField(absorbed.status(), fmt::format("updates[{}]", i));
    changed = changed || *absorbed;
  }
  return changed;
}

absl::Status Committer::CheckConditions(const PreparedWrite& write) const {
  const auto etag_of = [this](const std::string& id) {
    const Current& current = current_.at(id);
    return current ? DocumentEtag(identity_.shard, current->sequence()) : "";
  };
  for (size_t i = 0; i < write.documents.size(); ++i) {
    const PreparedDocument& document = write.documents[i];
    if (document.if_match.empty() && document.if_none_match.empty()) continue;
    KITH_RETURN_IF_ERROR(InField(
        CheckEtag(document.id, document.if_match, document.if_none_match, etag_of(document.id)),
        fmt::format("documents[{}]", i)));
  }
  for (size_t i = 0; i < write.deletes.size(); ++i) {
    const DocumentDelete& one = write.deletes[i];
    if (one.if_match.empty() || one.leave_changed) continue;
    KITH_RETURN_IF_ERROR(InField(CheckEtag(one.id, one.if_match, "", etag_of(one.id)),
                                 fmt::format("deletes[{}]", i)));
  }
  for (size_t i = 0; i < write.updates.size(); ++i) {
    const MetadataChange& change = write.updates[i];
    if (change.if_match.empty()) continue;
    KITH_RETURN_IF_ERROR(InField(CheckEtag(change.id, change.if_match, "", etag_of(change.id)),
                                 fmt::format("updates[{}]", i)));
  }
  return absl::OkStatus();
}

absl::StatusOr<Committer::Updates> Committer::ChangeMetadata(const PreparedWrite& write) const {
  Updates updates(write.updates.size());
  for (size_t i = 0; i < write.updates.size(); ++i) {
    const MetadataChange& change = write.updates[i];
    const Current& current = current_.at(change.id);
    if (!current) continue;
    Metadata metadata;
    if (!change.replace) {
      KITH_ASSIGN_OR_RETURN(metadata, ReadMetadata(*current));
      for (const std::string& key : change.remove) metadata.erase(key);
    }
    for (const auto& [key, value] : change.set) metadata.insert_or_assign(key, value);
    KITH_RETURN_IF_ERROR(
        InField(ValidateMetadataSize(metadata, services_->limits), fmt::format("updates[{}]", i)));
    Updated& updated = updates[i].emplace();
    updated.record = *current;
    updated.record.clear_metadata();
    WriteMetadata(metadata, &updated.record);
    updated.record.set_update_time_us(write.time.micros);
    updated.record.clear_content_hash();
    updated.metadata =
        std::make_shared<const index::MetadataRow>(rows_->MetadataOf(std::move(metadata)));
  }
  return updates;
}

absl::Status Committer::ReserveMemory(const PreparedWrite& write, const Updates& updates) {
  // A delete needs none, and is never refused for it.
  if (write.documents.empty() && updates.empty()) return absl::OkStatus();
  index::RowNeeds needs = reserved_;
  for (const PreparedDocument& document : write.documents) needs.Add(document.needs);
  if (needs.rows != reserved_.rows) KITH_RETURN_IF_ERROR(debt_->CheckWrite());
  for (const std::optional<Updated>& updated : updates) {
    if (!updated) continue;
    needs.metadata_bytes +=
        index::RunBytes(*updated->metadata) * updated->record.passages(0).passage_count();
  }
  const uint64_t bytes = index_->BytesToReserve(needs);
  if (bytes > 0) {
    KITH_ASSIGN_OR_RETURN(const auto taken, services_->memory.ReserveForWrite(bytes));
    KITH_RETURN_IF_ERROR(index_->Reserve(needs));
    index_memory_.Resize(index_->memory_bytes());
  }
  reserved_ = needs;
  return absl::OkStatus();
}

absl::StatusOr<WriteAnswer> Committer::Stage(const PreparedWrite& write, Updates updates,
                                             storage::CommitBatch* batch) {
  const uint64_t sequence = next_state_.sequence() + 1;
  next_state_.set_sequence(sequence);
  batch->Begin(identity_.shard, sequence, next_state_.running_hash());
  WriteAnswer answer;
  answer.token = {identity_.uuid, identity_.epoch, sequence};
  answer.encoded_tokens = write.encoded_tokens;
  for (const PreparedDocument& document : write.documents) {
    answer.results.push_back(StageDocument(document, batch));
  }
  for (const DocumentDelete& one : write.deletes) {
    ++(StageDelete(one, batch) ? answer.deleted : answer.missing);
  }
  for (size_t i = 0; i < write.updates.size(); ++i) {
    if (!updates[i]) ++answer.missing;
    answer.results.push_back(StageUpdate(write.updates[i].id, std::move(updates[i]), batch));
  }
  if (!write.request_id.empty()) {
    uint64_t rows = next_state_.request_rows();
    KITH_RETURN_IF_ERROR(requests_.Stage(write, sequence, WriteAnswerBytes(answer), &rows, batch));
    next_state_.set_request_rows(rows);
  }
  next_state_.set_running_hash(batch->End());
  return answer;
}

UpsertResult Committer::StageDocument(const PreparedDocument& document,
                                      storage::CommitBatch* batch) {
  Current& current = current_.at(document.id);
  Change change;
  store::DocumentRecord record = document.record;
  record.set_create_time_us(current ? current->create_time_us() : record.update_time_us());
  UpsertResult result{.id = document.id,
                      .created = !current.has_value(),
                      .passage_count = static_cast<uint32_t>(document.passages.size()),
                      .truncated = document.truncated};
  if (current) change.deleted = StageRemoval(*current, batch);

  store::SpaceCounter* counter = CounterOf(&next_state_);
  const uint64_t first = counter->next_ordinal();
  counter->set_next_ordinal(first + document.passages.size());
  record.set_sequence(next_state_.sequence());
  store::PassageRange* range = record.add_passages();
  range->set_space(kSpace);
  range->set_first_ordinal(first);
  range->set_passage_count(result.passage_count);
  if (!document.text.empty()) {
    record.set_text_id(std::max<uint64_t>(next_state_.next_text_id(), 1));
    next_state_.set_next_text_id(record.text_id() + 1);
    batch->PutText(record.text_id(), document.text);
  }
  for (size_t i = 0; i < document.passages.size(); ++i) {
    batch->PutPassage(kSpace, first + i, PassageRecordOf(document.id, document.passages[i]));
    batch->PutVector(kSpace, first + i, static_cast<uint32_t>(i),
                     {&document.vectors[i * identity_.dimension], identity_.dimension});
  }
  batch->PutDocument(document.id, record);
  next_state_.set_live_documents(next_state_.live_documents() + 1);
  next_state_.set_live_passages(next_state_.live_passages() + document.passages.size());
  next_state_.set_live_text_bytes(next_state_.live_text_bytes() + document.text.size());

  change.first_ordinal = first;
  change.added = &document;
  changes_.push_back(change);
  result.etag = DocumentEtag(identity_.shard, record.sequence());
  current = std::move(record);
  return result;
}

bool Committer::StageDelete(const DocumentDelete& one, storage::CommitBatch* batch) {
  Current& current = current_.at(one.id);
  if (!current) return false;
  if (one.leave_changed && DocumentEtag(identity_.shard, current->sequence()) != one.if_match) {
    return false;
  }
  changes_.push_back({.deleted = StageRemoval(*current, batch)});
  batch->DeleteDocument(one.id);
  current.reset();
  return true;
}

UpsertResult Committer::StageUpdate(const std::string& id, std::optional<Updated> updated,
                                    storage::CommitBatch* batch) {
  UpsertResult result{.id = id};
  if (!updated) return result;
  store::DocumentRecord& record = updated->record;
  record.set_sequence(next_state_.sequence());
  const store::PassageRange& range = record.passages(0);
  batch->PutDocument(id, record);
  batch->PutUpdate(kSpace, range.first_ordinal(), range.passage_count(), id);
  changes_.push_back(
      {.updated = {range.first_ordinal(), range.first_ordinal() + range.passage_count()},
       .metadata = std::move(updated->metadata),
       .sequence = record.sequence()});
  result.passage_count = range.passage_count();
  result.etag = DocumentEtag(identity_.shard, record.sequence());
  current_.at(id) = std::move(record);
  return result;
}

// Takes a version of a document out, all but its own row.
index::OrdinalRange Committer::StageRemoval(const store::DocumentRecord& old,
                                            storage::CommitBatch* batch) {
  const store::PassageRange& range = old.passages(0);
  batch->DeletePassages(kSpace, range.first_ordinal(), range.passage_count());
  batch->PutTombstone(kSpace, range.first_ordinal(), range.passage_count());
  if (old.text_id() != 0) batch->DeleteText(old.text_id(), old.text_size_bytes());
  next_state_.set_live_documents(next_state_.live_documents() - 1);
  next_state_.set_live_passages(next_state_.live_passages() - range.passage_count());
  next_state_.set_live_text_bytes(next_state_.live_text_bytes() - old.text_size_bytes());
  return {range.first_ordinal(), range.first_ordinal() + range.passage_count()};
}

absl::Status Committer::Persist(bool sync, storage::CommitBatch* batch) {
  batch->PutShardState(identity_.shard, next_state_);
  if (fields_changed_) batch->PutFieldRegistry(identity_.collection, next_fields_.ToRecord());
  KITH_RETURN_IF_ERROR(services_->store->Commit(
      *batch, sync ? storage::Durability::kSynced : storage::Durability::kApplied));
  if (sync) synced_sequence_ = next_state_.sequence();
  return absl::OkStatus();
}

// Memory follows the disk. Nothing here can fail: Reserve took what it needs.
void Committer::Apply() {
  for (const Change& change : changes_) {
    if (change.deleted.begin < change.deleted.end) index_->Delete(change.deleted);
    if (change.metadata != nullptr) {
      index_->UpdateMetadata(change.updated, change.metadata, change.sequence);
    }
    if (change.added == nullptr) continue;
    const PreparedDocument& document = *change.added;
    for (size_t i = 0; i < document.passages.size(); ++i) {
      index_->Append(change.first_ordinal + i, static_cast<uint32_t>(i),
                     {&document.vectors[i * identity_.dimension], identity_.dimension},
                     {.terms = &document.terms[i], .metadata = document.metadata});
    }
  }
  state_ = next_state_;
  if (fields_changed_) fields_ = std::make_shared<const FieldRegistry>(next_fields_);
}

// The answer to a request that was carried out before.
WriteAnswer Committer::Repeat(const store::RequestRecord& record, WriteAnswer first) const {
  first.token = {identity_.uuid, identity_.epoch, record.sequence()};
  for (UpsertResult& result : first.results) {
    if (result.passage_count == 0) continue;  // there was no such document
    result.etag = DocumentEtag(identity_.shard, record.sequence());
  }
  return first;
}

}  // namespace kith::engine
