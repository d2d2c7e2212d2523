// Re-embedding: the states that a collection goes through when it gets another encoder. Each change
// of state is one commit: the collection's record, the shard's state, the operation, and the drop
// of a space all change together, or nothing does.

#include <chrono>
#include <utility>

#include "fmt/format.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/collection_catalog.h"
#include "server/engine/records.h"
#include "server/engine/reembedding/space_filler.h"
#include "server/engine/shard.h"
#include "server/engine/validate.h"
#include "storage/store.h"

namespace kith::engine {
namespace {

constexpr std::chrono::milliseconds kReaderPoll{50};
// Between attempts at a change of state that storage refuses, as when the disk is full.
constexpr std::chrono::milliseconds kRetry{1000};
constexpr size_t kScanned = 512;

absl::Status Always(const store::ShardState&) { return absl::OkStatus(); }

absl::Status NotReembedding(std::string_view name, std::string_view what) {
  return Error(absl::StatusCode::kFailedPrecondition, reason::kReembedding, "collection {} {}",
               Quoted(name), what)
      .With("collection", name);
}

}  // namespace

absl::StatusOr<CollectionCatalog::Entry> CollectionCatalog::ToChange(std::string_view name,
                                                                     std::string_view if_match,
                                                                     const char* field) const {
  KITH_RETURN_IF_ERROR(Find(name).status());
  KITH_ASSIGN_OR_RETURN(Entry entry, Copy(name));
  if (!if_match.empty() && if_match != entry.info.etag) {
    return Error(absl::StatusCode::kAborted, reason::kEtagMismatch,
                 "collection \"{}\" has etag {}, the condition was {}", name, entry.info.etag,
                 Quoted(if_match))
        .Field(field)
        .With("current_etag", entry.info.etag);
  }
  return entry;
}

// --- Begin ---

absl::Status CollectionCatalog::CheckTexts(const Collection& collection, const Call& call) const {
  const storage::Reader reader(services_->store->TakeSnapshot());
  const uint32_t shard = collection.shard()->identity().shard;
  uint64_t without = 0;
  std::string first;
  std::string after;
  for (bool more = true; more;) {
    KITH_ASSIGN_OR_RETURN(const auto listed,
                          reader.ListDocuments(shard, after, kScanned, "", call));
    more = listed.size() == kScanned;
    for (const storage::ListedDocument& document : listed) {
      after = document.id;
      if (document.record.text_id() != 0) continue;
      if (without++ == 0) first = document.id;
    }
  }
  if (without == 0) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, reason::kNoText,
               "{} documents have no text to encode, only a vector; the first is {}: delete them, "
               "or write them with their texts",
               without, Quoted(first))
      .With("count", without)
      .With("document", first);
}

absl::StatusOr<VectorSpace> CollectionCatalog::NewSpaceOf(const Entry& entry,
                                                          const EncoderRef& encoder) const {
  const encoder::EncoderInfo& model = encoder->info();
  VectorSpace space = entry.info.space;
  space.number = entry.info.next_space;
  space.encoder = model.name;
  space.dimension = static_cast<uint32_t>(model.dimension);
  space.encoder_dimensions = model.dimension < model.full_dimension ? space.dimension : 0;
  space.artifact_hash = model.artifact_hash;
  space.space_hash = model.space_hash;
  space.query_prompt = model.query_prompt;
  space.passage_prompt = model.passage_prompt;
  if (entry.info.next_space == UINT16_MAX) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kLimitOutOfRange,
                 "the collection has been re-embedded {} times: make a new one",
                 entry.info.next_space);
  }
  return space;
}

absl::StatusOr<Operation> CollectionCatalog::Reembed(std::string_view name, const ReembedSpec& spec,
                                                     const Call& call) {
  // Before the lock: it reads the records of all documents.
  KITH_ASSIGN_OR_RETURN(const std::shared_ptr<Collection> collection, Find(name));
  if (collection->info().space.encoder.empty()) {
    return Error(
        absl::StatusCode::kFailedPrecondition, reason::kNoEncoder,
        "collection {} has no encoder: its vectors come from its clients, who have to send "
        "others, to another collection",
        Quoted(name));
  }
  KITH_RETURN_IF_ERROR(models_->Find(spec.encoder).status());
  KITH_RETURN_IF_ERROR(CheckTexts(*collection, call));

  absl::MutexLock change(&change_mu_);
  // Under the lock: no model that is bound here is unloaded meanwhile.
  KITH_ASSIGN_OR_RETURN(const EncoderRef encoder, models_->Find(spec.encoder));
  KITH_ASSIGN_OR_RETURN(Entry entry, ToChange(name, spec.if_match, "if_match"));
  if (entry.info.reembedding) {
    return NotReembedding(name, entry.info.reembedding->state == ReembeddingState::kFilling
                                    ? "is being re-embedded already, by operation " +
                                          entry.info.reembedding->operation
                                    : "was re-embedded: commit that, or roll it back, first");
  }
  const std::shared_ptr<const SpaceSet> before = entry.collection->spaces();
  KITH_ASSIGN_OR_RETURN(const VectorSpace space, NewSpaceOf(entry, encoder));
  KITH_RETURN_IF_ERROR(CheckMemory(space, before->served.index->view()->passages, 0));

  SpaceSet spaces{before->served,
                  SpaceInUse{space, encoder,
                             entry.shard->NewSpace(space.number, space.dimension, space.metric)}};
  spaces.other->index->indexer().Configure(space.index);
  KITH_RETURN_IF_ERROR(
      spaces.other->index->Load(store::ShardState(), store::ManifestRecord(), nullptr, call));
  const Operation operation = operations_->New(OperationKind::kReembed, entry.info.name);
  entry.info.reembedding = Reembedding{.state = ReembeddingState::kFilling,
                                       .other = space,
                                       .operation = operation.id,
                                       .commit_at_cut_over = spec.commit_at_cut_over};
  ++entry.info.next_space;
  storage::CommitBatch batch(*services_->store);
  KITH_ASSIGN_OR_RETURN(const store::ModelRecord model, models_->CopyIntoDataFolder(encoder));
  batch.PutModel(space.artifact_hash, model);
  batch.PutOperation(operation.id, OperationRecordOf(operation, entry.number));
  KITH_RETURN_IF_ERROR(
      StoreSpaces(entry, std::make_shared<const SpaceSet>(std::move(spaces)), &batch, Always)
          .status());
  StartFilling(entry.info.name, entry.collection, operation.id,
               operations_->Add(operation, entry.number));
  return operation;
}

absl::StatusOr<CollectionInfo> CollectionCatalog::StoreSpaces(
    Entry entry, std::shared_ptr<const SpaceSet> spaces, storage::CommitBatch* batch,
    const std::function<absl::Status(const store::ShardState&)>& when) {
  ++entry.revision;
  entry.info.etag = CollectionEtag(entry.number, entry.revision);
  entry.info.update_time = Now();
  batch->PutCollection(entry.number, RecordOf(entry));
  std::vector<std::shared_ptr<SpaceIndex>> indexes = {spaces->served.index};
  if (spaces->other) indexes.push_back(spaces->other->index);
  KITH_RETURN_IF_ERROR(entry.shard->ChangeSpaces(std::move(indexes), batch, when));
  entry.collection->ReplaceSpaces(entry.info, std::move(spaces));
  absl::MutexLock lock(&mu_);
  return (entries_.find(entry.info.name)->second = std::move(entry)).info;
}

// --- Fill, and cut over ---

void CollectionCatalog::StartFilling(const std::string& name,
                                     const std::shared_ptr<Collection>& collection,
                                     const std::string& operation,
                                     std::shared_ptr<const Call> call) {
  std::make_shared<SpaceFiller>(
      services_, collection, call,
      [this, operation](const std::string& phase, uint64_t done, uint64_t total) {
        operations_->SetProgress(operation, phase, done, total);
      },
      [this, name, operation, call](const absl::Status& filled) {
        EndFilling(name, operation, call, filled);
      })
      ->Start();
}

bool CollectionCatalog::IsFilling(const Entry& entry, std::string_view operation) {
  return entry.info.reembedding && entry.info.reembedding->state == ReembeddingState::kFilling &&
         entry.info.reembedding->operation == operation;
}

void CollectionCatalog::EndFilling(const std::string& name, const std::string& operation,
                                   std::shared_ptr<const Call> call, const absl::Status& filled) {
  absl::Status changed;
  if (filled.ok()) {
    changed = CutOver(name, operation);
  } else {
    absl::MutexLock change(&change_mu_);
    const auto entry = Copy(name);
    if (!entry.ok() || !IsFilling(*entry, operation)) return;  // deleted, or rolled back
    changed = KeepSpace(*entry, entry->info.space.number, operation, filled).status();
  }
  if (changed.ok() || services_->stopping()) return;
  if (absl::IsAborted(changed)) {
    // A document came without passages in the new space: it is found by another walk.
    const auto collection = Find(name);
    if (collection.ok()) StartFilling(name, *collection, operation, call);
    return;
  }
  services_->Report(Event::Level::kWarning,
                    "a change of the encoder could not be stored, and is tried again: " +
                        std::string(changed.message()),
                    name);
  services_->timer.After(kRetry, [this, name, operation, call, filled] {
    services_->background.Post(
        [this, name, operation, call, filled] { EndFilling(name, operation, call, filled); });
  });
}

absl::Status CollectionCatalog::CutOver(const std::string& name, const std::string& operation) {
  absl::MutexLock change(&change_mu_);
  auto copied = Copy(name);
  if (!copied.ok() || !IsFilling(*copied, operation)) return absl::OkStatus();
  Entry entry = *std::move(copied);
  const std::shared_ptr<const SpaceSet> before = entry.collection->spaces();
  const uint16_t filled = before->other->space.number;
  const auto is_full = [filled](const store::ShardState& state) -> absl::Status {
    const uint64_t documents = CounterOf(state, filled).live_documents();
    if (documents == state.live_documents()) return absl::OkStatus();
    return absl::AbortedError(
        fmt::format("{} of {} documents are filled", documents, state.live_documents()));
  };
  const bool commit = entry.info.reembedding->commit_at_cut_over;
  const std::weak_ptr<SpaceIndex> dropped = before->served.index;
  SpaceSet spaces{*before->other, before->served};
  if (commit) {
    spaces.other.reset();
    before->served.index->indexer().Stop();
    entry.info.reembedding.reset();
  } else {
    entry.info.reembedding->state = ReembeddingState::kCutOver;
    entry.info.reembedding->other = before->served.space;
  }
  entry.info.space = before->other->space;
  storage::CommitBatch batch(*services_->store);
  const auto ended = operations_->Ending(operation, absl::OkStatus());
  if (ended) batch.PutOperation(operation, OperationRecordOf(*ended, entry.number));
  absl::Status stored =
      StoreSpaces(entry, std::make_shared<const SpaceSet>(std::move(spaces)), &batch, is_full)
          .status();
  if (!stored.ok()) {
    if (commit) before->served.index->indexer().Resume();
    return stored;
  }
  if (ended) operations_->Ended(*ended);
  services_->Report(
      Event::Level::kInfo,
      fmt::format("searches use the encoder \"{}\" from now on", entry.info.space.encoder), name);
  if (commit) {
    ReclaimSpace(entry.shard->identity().shard, before->served.space.number, dropped);
  }
  return absl::OkStatus();
}

// --- End ---

absl::StatusOr<CollectionInfo> CollectionCatalog::KeepSpace(Entry entry, uint16_t number,
                                                            const std::string& operation,
                                                            const absl::Status& status) {
  const std::shared_ptr<const SpaceSet> before = entry.collection->spaces();
  const bool served = before->served.space.number == number;
  const SpaceInUse& kept = served ? before->served : *before->other;
  const SpaceInUse& dropped = served ? *before->other : before->served;
  entry.info.space = kept.space;
  entry.info.reembedding.reset();
  storage::CommitBatch batch(*services_->store);
  std::optional<Operation> ended;
  if (!operation.empty()) ended = operations_->Ending(operation, status);
  if (ended) batch.PutOperation(operation, OperationRecordOf(*ended, entry.number));
  // First: what it has on the strand ends before the space does.
  dropped.index->indexer().Stop();
  auto stored = StoreSpaces(entry, std::make_shared<const SpaceSet>(SpaceSet{kept, std::nullopt}),
                            &batch, Always);
  if (!stored.ok()) {
    dropped.index->indexer().Resume();
    return stored;
  }
  if (ended) operations_->Ended(*ended);
  ReclaimSpace(entry.shard->identity().shard, dropped.space.number, dropped.index);
  return stored;
}

absl::StatusOr<CollectionInfo> CollectionCatalog::CommitReembedding(std::string_view name,
                                                                    std::string_view if_match) {
  absl::MutexLock change(&change_mu_);
  KITH_ASSIGN_OR_RETURN(Entry entry, ToChange(name, if_match, "if_match"));
  if (!entry.info.reembedding) return NotReembedding(name, "is not being re-embedded");
  if (entry.info.reembedding->state == ReembeddingState::kFilling) {
    return NotReembedding(
        name, "is still being re-embedded, by operation " + entry.info.reembedding->operation);
  }
  const uint16_t number = entry.info.space.number;
  return KeepSpace(std::move(entry), number, "", absl::OkStatus());
}

absl::StatusOr<CollectionInfo> CollectionCatalog::RollbackReembedding(std::string_view name,
                                                                      std::string_view if_match) {
  absl::MutexLock change(&change_mu_);
  KITH_ASSIGN_OR_RETURN(Entry entry, ToChange(name, if_match, "if_match"));
  if (!entry.info.reembedding) return NotReembedding(name, "is not being re-embedded");
  if (entry.info.reembedding->state == ReembeddingState::kCutOver) {
    const uint16_t number = entry.info.reembedding->other.number;
    return KeepSpace(std::move(entry), number, "", absl::OkStatus());
  }
  const std::string operation = entry.info.reembedding->operation;
  const uint16_t number = entry.info.space.number;
  auto kept = KeepSpace(std::move(entry), number, operation,
                        Error(absl::StatusCode::kCancelled, reason::kCancelled, "rolled back"));
  if (kept.ok()) operations_->Cancel(operation).IgnoreError();  // ends the work on it
  return kept;
}

void CollectionCatalog::ReclaimSpace(uint32_t shard, uint16_t space,
                                     std::weak_ptr<SpaceIndex> index) {
  if (services_->stopping()) return;  // the next start finds files that no manifest names
  if (!index.expired()) {
    services_->timer.After(kReaderPoll, [=, this] { ReclaimSpace(shard, space, index); });
    return;
  }
  services_->background.Post([=, this] {
    absl::Status status = services_->store->segments().RemoveSpace(shard, space);
    if (status.ok()) {
      status = services_->store->ReclaimSpace(shard, space, *services_->indexing.NewCall());
    }
    if (status.ok() || services_->stopping()) return;
    services_->Report(Event::Level::kWarning,
                      fmt::format("the disk space of shard {}, space {} is given back later: {}",
                                  shard, space, std::string(status.message())));
  });
}

}  // namespace kith::engine
