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

// Leaves the counters of these spaces alone, rising by number.
void SetCounters(const std::vector<std::shared_ptr<SpaceIndex>>& spaces, store::ShardState* state) {
  std::vector<store::SpaceCounter> counters;
  for (const auto& space : spaces) counters.push_back(CounterOf(*state, space->identity().space));
  std::sort(counters.begin(), counters.end(),
            [](const auto& a, const auto& b) { return a.space() < b.space(); });
  state->mutable_spaces()->Assign(counters.begin(), counters.end());
  state->clear_live_passages();  // counted by space
}

index::OrdinalRange RangeOf(const store::PassageRange& range) {
  return {range.first_ordinal(), range.first_ordinal() + range.passage_count()};
}

}  // namespace

Committer::Committer(const Services* services, const ShardIdentity& identity,
                     std::shared_ptr<const RowMaker> rows, store::ShardState state,
                     FieldRegistry fields, std::vector<std::shared_ptr<SpaceIndex>> spaces)
    : services_(services),
      identity_(identity),
      rows_(std::move(rows)),
      state_(std::move(state)),
      fields_(std::make_shared<const FieldRegistry>(std::move(fields))),
      spaces_(std::move(spaces)),
      requests_(services->store.get(), identity.shard),
      // Opening the store synced everything before it.
      synced_sequence_(state_.sequence()) {
  SetCounters(spaces_, &state_);
}

std::vector<std::shared_ptr<const View>> Committer::MakeViews() {
  const std::shared_ptr<const storage::Snapshot> snapshot = services_->store->TakeSnapshot();
  std::vector<std::shared_ptr<const View>> views;
  for (const auto& space : spaces_) {
    const store::SpaceCounter counter = CounterOf(state_, space->identity().space);
    views.push_back(std::make_shared<View>(View{.index = space->writer().Publish(),
                                                .snapshot = snapshot,
                                                .sequence = state_.sequence(),
                                                .running_hash = state_.running_hash(),
                                                .documents = counter.live_documents(),
                                                .passages = counter.live_passages(),
                                                .text_bytes = state_.live_text_bytes(),
                                                .fields = fields_}));
    space->AccountMemory();
  }
  return views;
}

absl::Status Committer::ChangeSpaces(std::vector<std::shared_ptr<SpaceIndex>> spaces,
                                     storage::CommitBatch* batch) {
  store::ShardState next = state_;
  SetCounters(spaces, &next);
  for (const auto& space : spaces_) {
    if (std::find(spaces.begin(), spaces.end(), space) == spaces.end()) {
      batch->DropSpace(identity_.shard, space->identity().space);
    }
  }
  batch->PutShardState(identity_.shard, next);
  KITH_RETURN_IF_ERROR(services_->store->Commit(*batch, storage::Durability::kSynced));
  synced_sequence_ = next.sequence();
  state_ = std::move(next);
  spaces_ = std::move(spaces);
  return absl::OkStatus();
}

void Committer::BeginGroup() {
  next_state_ = state_;
  next_fields_ = *fields_;
  fields_changed_ = false;
  reserved_.assign(spaces_.size(), {});
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
    outcome.views = MakeViews();
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
    for (const PreparedFill& fill : write->fills) ids.push_back(fill.id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  KITH_ASSIGN_OR_RETURN(auto records,
                        services_->store->Latest().GetDocuments(identity_.shard, ids));
  current_.reserve(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    current_.emplace(ids[i], std::move(records[i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<Committer::Updates> Committer::Check(const PreparedWrite& write) {
  KITH_RETURN_IF_ERROR(write.call->Check());
  KITH_RETURN_IF_ERROR(CheckSpaces(write));
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

// A document that is prepared for another set of spaces is in none that is served. Whoever changes
// the spaces waits for writes under way first, so that this is not seen.
absl::Status Committer::CheckSpaces(const PreparedWrite& write) const {
  for (size_t i = 0; i < write.documents.size(); ++i) {
    if (PassagesIn(write.documents[i].spaces, 0) != nullptr) continue;
    return Error(
               absl::StatusCode::kUnavailable, reason::kEncoderMismatch,
               "documents[{}]: the collection changed its encoder while the document was encoded; "
               "send it again",
               i)
        .RetryAfter(absl::Milliseconds(100));
  }
  return absl::OkStatus();
}

absl::Status Committer::ReserveMemory(const PreparedWrite& write, const Updates& updates) {
  // A delete needs none, and is never refused for it.
  if (write.documents.empty() && updates.empty() && write.fills.empty()) return absl::OkStatus();
  std::vector<index::RowNeeds> needs = reserved_;
  for (size_t space = 0; space < spaces_.size(); ++space) {
    for (const PreparedDocument& document : write.documents) {
      if (const auto* part = PassagesIn(document.spaces, space)) needs[space].Add(part->needs);
    }
    for (const PreparedFill& fill : write.fills) {
      if (PlaceOf(fill.passages.space) == space) needs[space].Add(fill.passages.needs);
    }
    if (needs[space].rows != reserved_[space].rows) {
      KITH_RETURN_IF_ERROR(spaces_[space]->indexer().debt().CheckWrite());
    }
    for (const std::optional<Updated>& updated : updates) {
      if (!updated) continue;
      const auto* range = RangeIn(updated->record, spaces_[space]->identity().space);
      if (range == nullptr) continue;
      needs[space].metadata_bytes += index::RunBytes(*updated->metadata) * range->passage_count();
    }
    KITH_RETURN_IF_ERROR(spaces_[space]->Reserve(needs[space]));
  }
  reserved_ = std::move(needs);
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
  for (const PreparedFill& fill : write.fills) StageFill(fill, batch);
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
  store::DocumentRecord record = document.record;
  record.set_create_time_us(current ? current->create_time_us() : record.update_time_us());
  const PreparedPassages& served = *PassagesIn(document.spaces, 0);
  UpsertResult result{.id = document.id,
                      .created = !current.has_value(),
                      .passage_count = static_cast<uint32_t>(served.passages.size()),
                      .truncated = served.truncated};
  std::vector<index::OrdinalRange> replaced(spaces_.size());
  if (current) replaced = StageRemoval(*current, batch);

  record.set_sequence(next_state_.sequence());
  if (!document.text.empty()) {
    record.set_text_id(std::max<uint64_t>(next_state_.next_text_id(), 1));
    next_state_.set_next_text_id(record.text_id() + 1);
    batch->PutText(record.text_id(), document.text);
  }
  for (size_t space = 0; space < spaces_.size(); ++space) {
    if (const PreparedPassages* passages = PassagesIn(document.spaces, space)) {
      StagePassages(document.id, *passages, document.metadata, replaced[space], &record, batch);
    } else if (replaced[space].begin < replaced[space].end) {
      changes_.push_back({.space = space, .deleted = replaced[space]});
    }
  }
  batch->PutDocument(document.id, record);
  next_state_.set_live_documents(next_state_.live_documents() + 1);
  next_state_.set_live_text_bytes(next_state_.live_text_bytes() + document.text.size());
  result.etag = DocumentEtag(identity_.shard, record.sequence());
  current = std::move(record);
  return result;
}

void Committer::StagePassages(const std::string& id, const PreparedPassages& passages,
                              const std::shared_ptr<const index::MetadataRow>& metadata,
                              index::OrdinalRange replaced, store::DocumentRecord* record,
                              storage::CommitBatch* batch) {
  const size_t place = *PlaceOf(passages.space);
  const size_t dimension = spaces_[place]->identity().dimension;
  store::SpaceCounter* counter = Counter(place);
  const uint64_t first = counter->next_ordinal();
  const size_t count = passages.passages.size();
  counter->set_next_ordinal(first + count);
  counter->set_live_passages(counter->live_passages() + count);
  counter->set_live_documents(counter->live_documents() + 1);
  for (size_t i = 0; i < count; ++i) {
    batch->PutPassage(passages.space, first + i, PassageRecordOf(id, passages.passages[i]));
    batch->PutVector(passages.space, first + i, static_cast<uint32_t>(i),
                     {&passages.vectors[i * dimension], dimension});
  }
  store::PassageRange* range = record->add_passages();
  range->set_space(passages.space);
  range->set_first_ordinal(first);
  range->set_passage_count(static_cast<uint32_t>(count));
  range->set_source_hash(passages.source_hash);
  range->set_truncated(passages.truncated);
  std::sort(record->mutable_passages()->begin(), record->mutable_passages()->end(),
            [](const auto& a, const auto& b) { return a.space() < b.space(); });
  changes_.push_back({.space = place,
                      .deleted = replaced,
                      .first_ordinal = first,
                      .added = &passages,
                      .metadata = metadata});
}

void Committer::StageFill(const PreparedFill& fill, storage::CommitBatch* batch) {
  Current& current = current_.at(fill.id);
  // Written anew or deleted since it was read, or filled: then there is nothing left to do.
  if (!current || current->sequence() != fill.sequence || !PlaceOf(fill.passages.space) ||
      RangeIn(*current, fill.passages.space) != nullptr) {
    return;
  }
  store::DocumentRecord record = *std::move(current);
  DropForgotten(&record);
  StagePassages(fill.id, fill.passages, fill.metadata, {}, &record, batch);
  batch->PutDocument(fill.id, record);
  current = std::move(record);
}

bool Committer::StageDelete(const DocumentDelete& one, storage::CommitBatch* batch) {
  Current& current = current_.at(one.id);
  if (!current) return false;
  if (one.leave_changed && DocumentEtag(identity_.shard, current->sequence()) != one.if_match) {
    return false;
  }
  const std::vector<index::OrdinalRange> removed = StageRemoval(*current, batch);
  for (size_t space = 0; space < removed.size(); ++space) {
    if (removed[space].begin == removed[space].end) continue;
    changes_.push_back({.space = space, .deleted = removed[space]});
  }
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
  DropForgotten(&record);
  batch->PutDocument(id, record);
  for (size_t space = 0; space < spaces_.size(); ++space) {
    const auto* range = RangeIn(record, spaces_[space]->identity().space);
    if (range == nullptr) continue;
    batch->PutUpdate(static_cast<uint16_t>(range->space()), range->first_ordinal(),
                     range->passage_count(), id);
    changes_.push_back({.space = space,
                        .updated = RangeOf(*range),
                        .metadata = updated->metadata,
                        .sequence = record.sequence()});
    if (space == 0) result.passage_count = range->passage_count();
  }
  result.etag = DocumentEtag(identity_.shard, record.sequence());
  current_.at(id) = std::move(record);
  return result;
}

// Takes a version of a document out, all but its own row.
std::vector<index::OrdinalRange> Committer::StageRemoval(const store::DocumentRecord& old,
                                                         storage::CommitBatch* batch) {
  std::vector<index::OrdinalRange> removed(spaces_.size());
  for (size_t space = 0; space < spaces_.size(); ++space) {
    const uint16_t number = spaces_[space]->identity().space;
    const store::PassageRange* range = RangeIn(old, number);
    if (range == nullptr) continue;
    batch->DeletePassages(number, range->first_ordinal(), range->passage_count());
    batch->PutTombstone(number, range->first_ordinal(), range->passage_count());
    store::SpaceCounter* counter = Counter(space);
    counter->set_live_passages(counter->live_passages() - range->passage_count());
    counter->set_live_documents(counter->live_documents() - 1);
    removed[space] = RangeOf(*range);
  }
  if (old.text_id() != 0) batch->DeleteText(old.text_id(), old.text_size_bytes());
  next_state_.set_live_documents(next_state_.live_documents() - 1);
  next_state_.set_live_text_bytes(next_state_.live_text_bytes() - old.text_size_bytes());
  return removed;
}

// Passages in spaces that were dropped since the record was written went with these.
void Committer::DropForgotten(store::DocumentRecord* record) const {
  auto* ranges = record->mutable_passages();
  ranges->erase(std::remove_if(ranges->begin(), ranges->end(),
                               [this](const store::PassageRange& range) {
                                 return !PlaceOf(static_cast<uint16_t>(range.space()));
                               }),
                ranges->end());
}

const PreparedPassages* Committer::PassagesIn(const std::vector<PreparedPassages>& parts,
                                              size_t space) const {
  for (const PreparedPassages& part : parts) {
    if (part.space == spaces_[space]->identity().space) return &part;
  }
  return nullptr;
}

std::optional<size_t> Committer::PlaceOf(uint16_t space) const {
  for (size_t i = 0; i < spaces_.size(); ++i) {
    if (spaces_[i]->identity().space == space) return i;
  }
  return std::nullopt;
}

store::SpaceCounter* Committer::Counter(size_t space) {
  for (store::SpaceCounter& counter : *next_state_.mutable_spaces()) {
    if (counter.space() == spaces_[space]->identity().space) return &counter;
  }
  KITH_CHECK(false, "every space has a counter");
  return nullptr;
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
    index::IndexWriter& index = spaces_[change.space]->writer();
    if (change.deleted.begin < change.deleted.end) index.Delete(change.deleted);
    if (change.updated.begin < change.updated.end) {
      index.UpdateMetadata(change.updated, change.metadata, change.sequence);
    }
    if (change.added == nullptr) continue;
    const PreparedPassages& added = *change.added;
    const size_t dimension = spaces_[change.space]->identity().dimension;
    for (size_t i = 0; i < added.passages.size(); ++i) {
      index.Append(change.first_ordinal + i, static_cast<uint32_t>(i),
                   {&added.vectors[i * dimension], dimension},
                   {.terms = &added.terms[i], .metadata = change.metadata});
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
