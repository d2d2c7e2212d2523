#include "server/engine/collection_catalog.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "fmt/format.h"
#include "index/vector_check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/random_id.h"
#include "server/engine/records.h"
#include "server/engine/shard.h"
#include "server/engine/splitting.h"
#include "server/engine/validate.h"

namespace kith::engine {
namespace {

constexpr std::chrono::milliseconds kReaderPoll{50};

ShardIdentity IdentityOf(uint32_t number, uint32_t shard_number, std::string_view uuid_bytes,
                         uint64_t epoch) {
  return {number, shard_number, ToHex(uuid_bytes), epoch};
}

std::string FromHex(std::string_view digits) {
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

absl::Status CheckDescription(const std::string& description, const Limits& limits) {
  if (description.size() > limits.description_bytes) {
    return InvalidArgument(reason::kInvalidRequest, "description: {} bytes, the limit is {}",
                           description.size(), limits.description_bytes)
        .Field("description");
  }
  return ValidateUtf8(description, "description");
}

bool SameSchema(const CollectionInfo& a, const CollectionInfo& b) {
  return a.space.encoder == b.space.encoder && a.space.space_hash == b.space.space_hash &&
         a.space.dimension == b.space.dimension && a.space.metric == b.space.metric &&
         a.options.text_index == b.options.text_index &&
         a.options.unindexed_fields == b.options.unindexed_fields;
}

}  // namespace

absl::Status CollectionCatalog::NotFound(std::string_view name) {
  return Error(absl::StatusCode::kNotFound, reason::kCollectionNotFound,
               "collection {} does not exist", Quoted(name))
      .With("collection", name);
}

// --- Looking ---

absl::StatusOr<CollectionInfo> CollectionCatalog::Get(std::string_view name) const {
  KITH_ASSIGN_OR_RETURN(Entry entry, Copy(name));
  return std::move(entry.info);
}

absl::StatusOr<CollectionCatalog::Entry> CollectionCatalog::Copy(std::string_view name) const {
  absl::MutexLock lock(&mu_);
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) return NotFound(name);
  return entry->second;
}

std::vector<CollectionInfo> CollectionCatalog::List(std::string_view after_name,
                                                    size_t limit) const {
  absl::MutexLock lock(&mu_);
  std::vector<CollectionInfo> infos;
  for (auto it = entries_.upper_bound(after_name); it != entries_.end() && infos.size() < limit;
       ++it) {
    infos.push_back(it->second.info);
  }
  return infos;
}

absl::StatusOr<std::shared_ptr<Collection>> CollectionCatalog::Find(std::string_view name) const {
  absl::MutexLock lock(&mu_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return NotFound(name);
  const Entry& entry = found->second;
  if (entry.collection != nullptr) return entry.collection;
  if (!entry.error.ok()) return entry.error;
  return Error(absl::StatusCode::kUnavailable, reason::kCollectionLoading,
               "collection \"{}\" is loading: {} of {} rows", name, entry.shard->loaded_rows(),
               entry.shard->total_rows())
      .With("collection", name)
      .With("done", entry.shard->loaded_rows())
      .With("total", entry.shard->total_rows())
      .RetryAfter(absl::Milliseconds(500));
}

std::vector<std::shared_ptr<Collection>> CollectionCatalog::Loaded() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::shared_ptr<Collection>> loaded;
  for (const auto& [name, entry] : entries_) {
    if (entry.collection != nullptr) loaded.push_back(entry.collection);
  }
  return loaded;
}

size_t CollectionCatalog::size() const {
  absl::MutexLock lock(&mu_);
  return entries_.size();
}

size_t CollectionCatalog::loading() const {
  absl::MutexLock lock(&mu_);
  return loading_;
}

void CollectionCatalog::WhenLoaded(std::function<void()> done) {
  {
    absl::MutexLock lock(&mu_);
    if (loading_ > 0) {
      when_loaded_.push_back(std::move(done));
      return;
    }
  }
  done();
}

// --- Models ---

std::vector<std::string> CollectionCatalog::UsersOf(const LoadedModel& model) const {
  absl::MutexLock lock(&mu_);
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) {
    const std::optional<Reembedding>& reembedding = entry.info.reembedding;
    if (ModelRegistry::Serves(model, entry.info.space) ||
        (reembedding && ModelRegistry::Serves(model, reembedding->other))) {
      names.push_back(name);
    }
  }
  return names;
}

ModelList CollectionCatalog::ListModels() const {
  ModelList list{models_->Loaded(), models_->Unloaded()};
  for (LoadedModel& model : list.loaded) {
    model.collections = static_cast<uint32_t>(UsersOf(model).size());
  }
  return list;
}

absl::StatusOr<Operation> CollectionCatalog::UnloadModel(std::string_view name) {
  // No collection is made meanwhile.
  absl::MutexLock change(&change_mu_);
  KITH_RETURN_IF_ERROR(ValidateModelName(name));
  KITH_ASSIGN_OR_RETURN(const LoadedModel model, models_->FindLoaded(name));
  const std::vector<std::string> users = UsersOf(model);
  if (users.empty()) return models_->Unload(name);
  constexpr size_t kNamed = 10;
  const auto named = std::span(users).first(std::min(users.size(), kNamed));
  const std::string names =
      fmt::format("{}{}", fmt::join(named, ", "), users.size() > kNamed ? ", ..." : "");
  return Error(absl::StatusCode::kFailedPrecondition, reason::kModelInUse,
               "the model \"{}\" is the encoder of {} collections: {}", name, users.size(), names)
      .Field("name")
      .With("model", name)
      .With("collection_count", users.size())
      .With("collections", names);
}

// --- Starting ---

absl::Status CollectionCatalog::Restore(storage::Catalog catalog) {
  {
    absl::MutexLock change(&change_mu_);
    server_ = catalog.server;
  }
  KITH_ASSIGN_OR_RETURN(const auto orphans,
                        services_->store->segments().RemoveOrphans(catalog.manifests));
  if (!orphans.empty()) {
    services_->Report(Event::Level::kInfo,
                      fmt::format("removed {} files of segments that were not finished, or not "
                                  "needed any more, when the server ended",
                                  orphans.size()));
  }
  const auto shared = std::make_shared<const storage::Catalog>(std::move(catalog));
  std::vector<std::function<void()>> work;
  for (const auto& [number, record] : shared->collections) {
    KITH_ASSIGN_OR_RETURN(CollectionInfo info, ReadCollection(number, record));
    const store::ShardRef& ref = record.shards(0);
    if (record.state() == store::COLLECTION_STATE_DROPPING) continue;
    info.state = CollectionState::kLoading;
    Entry entry{.number = number, .revision = record.revision(), .info = info};
    KITH_ASSIGN_OR_RETURN(auto analyser, services_->analysers.Get(info.options.text_index));
    entry.shard = MakeShard(IdentityOf(number, ref.number(), ref.uuid(), ref.epoch()),
                            std::move(analyser), info.options);
    absl::MutexLock lock(&mu_);
    entries_.emplace(info.name, std::move(entry));
    ++loading_;
    work.push_back([this, shared, name = info.name] { Load(name, *shared); });
  }
  for (std::function<void()>& one : work) services_->background.Post(std::move(one));
  // Deletions that a stop or a crash cut short go on.
  for (const auto& [id, record] : shared->operations) {
    if (record.state() != store::OPERATION_STATE_RUNNING) continue;
    if (ReadOperation(id, record).kind != OperationKind::kReclaimCollection) continue;
    const auto dropped = shared->collections.find(record.collection_number());
    if (dropped == shared->collections.end()) continue;
    KITH_ASSIGN_OR_RETURN(const Operation operation, operations_->Get(id));
    Reclaim(id, dropped->first, dropped->second.shards(0).number(), {},
            operations_->Add(operation, dropped->first));
  }
  return absl::OkStatus();
}

std::shared_ptr<Shard> CollectionCatalog::MakeShard(
    const ShardIdentity& identity, std::shared_ptr<const index::TermAnalyser> analyser,
    const CollectionOptions& options) const {
  return std::make_shared<Shard>(
      services_, identity,
      std::make_shared<const RowMaker>(std::move(analyser), options.unindexed_fields));
}

SpaceInUse CollectionCatalog::InUse(const Entry& entry, const VectorSpace& space,
                                    const storage::Catalog& catalog) const {
  const auto model = catalog.models.find(space.artifact_hash);
  SpaceInUse in_use{
      space, models_->Resolve(space, model == catalog.models.end() ? nullptr : &model->second),
      entry.shard->NewSpace(space.number, space.dimension, space.metric)};
  if (!in_use.encoder.ok()) {
    services_->Report(Event::Level::kError,
                      "text is disabled: " + std::string(in_use.encoder.status().message()),
                      entry.info.name);
  }
  in_use.index->indexer().Configure(space.index);
  return in_use;
}

void CollectionCatalog::Load(const std::string& name, const storage::Catalog& catalog) {
  auto entry = Copy(name);
  if (!entry.ok()) return;
  SpaceSet set{InUse(*entry, entry->info.space, catalog), std::nullopt};
  if (entry->info.reembedding) set.other = InUse(*entry, entry->info.reembedding->other, catalog);
  const uint32_t shard = entry->shard->identity().shard;
  const auto manifest_of = [&](const std::shared_ptr<SpaceIndex>& index) {
    const auto manifest = catalog.manifests.find({shard, index->identity().space});
    return manifest == catalog.manifests.end() ? store::ManifestRecord() : manifest->second;
  };
  std::vector<SpaceToLoad> spaces = {{set.served.index, manifest_of(set.served.index)}};
  if (set.other) spaces.push_back({set.other->index, manifest_of(set.other->index)});
  const auto state = catalog.shards.find(shard);
  const auto fields = catalog.field_registries.find(entry->number);
  absl::Status status = entry->shard->Load(
      state == catalog.shards.end() ? store::ShardState() : state->second,
      fields == catalog.field_registries.end() ? store::FieldRegistry() : fields->second,
      std::move(spaces), Call::Background());
  std::shared_ptr<Collection> collection;
  if (status.ok()) {
    entry->info.state = CollectionState::kReady;
    const uint64_t passages = set.served.index->view()->passages;
    collection = std::make_shared<Collection>(services_, entry->number, entry->info,
                                              std::make_shared<const SpaceSet>(std::move(set)),
                                              entry->shard, operations_);
    services_->Report(Event::Level::kInfo, fmt::format("loaded {} passages", passages), name);
  } else {
    services_->Report(Event::Level::kError, "not loaded: " + std::string(status.message()), name);
  }
  std::vector<std::function<void()>> done;
  {
    absl::MutexLock lock(&mu_);
    Entry& loaded = entries_.find(name)->second;  // nobody deletes one that is loading
    loaded.collection = collection;
    loaded.error = std::move(status);
    loaded.info.state = loaded.error.ok() ? CollectionState::kReady : CollectionState::kFailed;
    if (--loading_ == 0) done.swap(when_loaded_);
  }
  if (collection != nullptr) ContinueOperations(name, collection);
  for (const auto& one : done) one();
}

void CollectionCatalog::ContinueOperations(const std::string& name,
                                           const std::shared_ptr<Collection>& collection) {
  for (const OperationRegistry::Running& running : operations_->RunningOf(collection->number())) {
    switch (running.operation.kind) {
      case OperationKind::kSealIndex:
      case OperationKind::kMergeIndex:
        collection->ContinueIndexWork(running.operation, running.call);
        break;
      case OperationKind::kReembed:
        StartFilling(name, collection, running.operation.id, running.call);
        break;
      case OperationKind::kReclaimCollection:
      case OperationKind::kLoadModel:
      case OperationKind::kUnloadModel:
        break;
    }
  }
}

absl::Status CollectionCatalog::CheckMemory(const VectorSpace& space, uint64_t passages,
                                            uint64_t held) const {
  if (passages == 0) return absl::OkStatus();
  ServerInfo server;
  server.memory_budget_bytes = services_->memory.total();
  const uint64_t used = services_->memory.used();
  server.memory_used_bytes = used - std::min(used, held);
  EstimateRequest request;
  request.passages = passages;
  request.dimension = space.dimension;
  request.index = space.index;
  KITH_ASSIGN_OR_RETURN(const Estimate estimate,
                        EstimateCollection(request, services_->limits, server));
  if (estimate.fits) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
               "{} passages of {} values would take {} bytes of memory and {} more while they are "
               "indexed, but {} of {} are taken and writes stop at 90 %; use a smaller "
               "quantization, raise --memory-budget, or use a larger machine",
               passages, space.dimension, estimate.resident_bytes, estimate.build_bytes,
               estimate.used_bytes, estimate.budget_bytes)
      .With("needed_bytes", estimate.resident_bytes + estimate.build_bytes)
      .With("used_bytes", estimate.used_bytes)
      .With("budget_bytes", estimate.budget_bytes);
}

// --- Changing ---

absl::StatusOr<CollectionInfo> CollectionCatalog::Resolve(const CollectionSpec& spec,
                                                          EncoderRef* encoder) const {
  KITH_RETURN_IF_ERROR(ValidateCollectionName(spec.name));
  KITH_RETURN_IF_ERROR(CheckDescription(spec.description, services_->limits));
  KITH_RETURN_IF_ERROR(InField(ValidateSplitter(spec.options.splitter), "options"));
  KITH_RETURN_IF_ERROR(
      InField(InField(ValidateTextIndex(spec.options.text_index), "text_index"), "options"));
  KITH_RETURN_IF_ERROR(InField(
      ValidateUnindexedFields(spec.options.unindexed_fields, services_->limits), "options"));
  KITH_RETURN_IF_ERROR(InField(ValidateIndexSettings(spec.index), "index"));
  CollectionInfo info;
  info.name = spec.name;
  info.description = spec.description;
  info.options = spec.options;
  std::vector<std::string>& unindexed = info.options.unindexed_fields;
  std::sort(unindexed.begin(), unindexed.end());
  unindexed.erase(std::unique(unindexed.begin(), unindexed.end()), unindexed.end());
  info.space.metric = spec.metric;
  info.space.index = spec.index;
  info.space.dimension = spec.dimension;
  // A dimension alone means vectors; neither, or an encoder, means text.
  if (!spec.encoder && spec.dimension != 0) {
    if (spec.encoder_dimensions != 0) {
      return InvalidArgument(reason::kInvalidRequest,
                             "encoder_dimensions: {} given, but the collection has no encoder",
                             spec.encoder_dimensions)
          .Field("encoder_dimensions");
    }
    KITH_RETURN_IF_ERROR(InField(index::ValidateDimension(spec.dimension), "dimension"));
  } else {
    KITH_ASSIGN_OR_RETURN(*encoder,
                          models_->FindTruncated(spec.encoder.value_or(""), spec.encoder_dimensions,
                                                 "encoder_dimensions"));
    const encoder::EncoderInfo& model = (*encoder)->info();
    if (spec.dimension != 0 && spec.dimension != static_cast<uint32_t>(model.dimension)) {
      return InvalidArgument(reason::kDimensionMismatch,
                             "dimension: {} given, but the encoder \"{}\" makes {} values",
                             spec.dimension, model.name, model.dimension)
          .Field("dimension");
    }
    info.space.dimension = model.dimension;
    info.space.encoder_dimensions = model.dimension < model.full_dimension ? model.dimension : 0;
    info.space.encoder = model.name;
    info.space.artifact_hash = model.artifact_hash;
    info.space.space_hash = model.space_hash;
    info.space.query_prompt = model.query_prompt;
    info.space.passage_prompt = model.passage_prompt;
  }
  return info;
}

absl::Status CollectionCatalog::CheckNew(const CollectionInfo& info) const {
  absl::MutexLock lock(&mu_);
  if (const auto present = entries_.find(info.name); present != entries_.end()) {
    const bool same = SameSchema(present->second.info, info);
    return Error(absl::StatusCode::kAlreadyExists, reason::kCollectionExists,
                 "collection \"{}\" exists, with {} schema", info.name,
                 same ? "the same" : "another")
        .With("collection", info.name)
        .With("same_schema", same);
  }
  if (entries_.size() >= services_->limits.collections) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kLimitOutOfRange,
                 "there are {} collections, the limit is reached", entries_.size())
        .With("limit", services_->limits.collections);
  }
  return absl::OkStatus();
}

store::CollectionRecord CollectionCatalog::RecordOf(const Entry& entry) const {
  const ShardIdentity& shard = entry.shard->identity();
  return CollectionRecordOf(entry.info, entry.revision, shard.shard, FromHex(shard.uuid),
                            shard.epoch);
}

absl::StatusOr<CollectionInfo> CollectionCatalog::Create(const CollectionSpec& spec) {
  absl::MutexLock change(&change_mu_);
  EncoderRef encoder;
  KITH_ASSIGN_OR_RETURN(CollectionInfo info, Resolve(spec, &encoder));
  KITH_RETURN_IF_ERROR(CheckNew(info));
  KITH_RETURN_IF_ERROR(CheckMemory(info.space, spec.expected_passages, 0));
  KITH_ASSIGN_OR_RETURN(auto analyser, services_->analysers.Get(info.options.text_index));

  store::ServerRecord server = server_;
  const uint32_t number = server.next_collection_number();
  const uint32_t shard_number = server.next_shard_number();
  server.set_next_collection_number(number + 1);
  server.set_next_shard_number(shard_number + 1);
  Entry entry{.number = number, .info = info};
  entry.info.create_time = entry.info.update_time = Now();
  entry.info.etag = CollectionEtag(number, entry.revision);
  entry.shard = MakeShard(IdentityOf(number, shard_number, NewUuidBytes(), /*epoch=*/1),
                          std::move(analyser), info.options);

  storage::CommitBatch batch(*services_->store);
  if (encoder != nullptr) {
    KITH_ASSIGN_OR_RETURN(const store::ModelRecord model, models_->CopyIntoDataFolder(encoder));
    batch.PutModel(info.space.artifact_hash, model);
  }
  batch.PutServer(server);
  batch.PutCollection(number, RecordOf(entry));
  KITH_RETURN_IF_ERROR(services_->store->Commit(batch, storage::Durability::kSynced));
  server_ = server;

  SpaceSet set{{info.space, std::move(encoder),
                entry.shard->NewSpace(info.space.number, info.space.dimension, info.space.metric)},
               std::nullopt};
  set.served.index->indexer().Configure(info.space.index);
  KITH_RETURN_IF_ERROR(entry.shard->Load(store::ShardState(), store::FieldRegistry(),
                                         {{set.served.index, store::ManifestRecord()}},
                                         Call::Background()));
  entry.collection = std::make_shared<Collection>(services_, number, entry.info,
                                                  std::make_shared<const SpaceSet>(std::move(set)),
                                                  entry.shard, operations_);
  absl::MutexLock lock(&mu_);
  return entries_.emplace(info.name, std::move(entry)).first->second.info;
}

absl::StatusOr<CollectionInfo> CollectionCatalog::Update(std::string_view name,
                                                         const CollectionUpdate& update) {
  absl::MutexLock change(&change_mu_);
  KITH_ASSIGN_OR_RETURN(Entry entry, ToChange(name, update.if_match, "etag"));
  if (update.description) {
    KITH_RETURN_IF_ERROR(CheckDescription(*update.description, services_->limits));
    entry.info.description = *update.description;
  }
  if (update.splitter) {
    KITH_RETURN_IF_ERROR(InField(ValidateSplitter(*update.splitter), "options"));
    entry.info.options.splitter = *update.splitter;
  }
  if (update.index) {
    KITH_RETURN_IF_ERROR(InField(ValidateIndexSettings(*update.index), "index"));
    entry.info.space.index = *update.index;
    const std::shared_ptr<const View> view = entry.shard->served()->view();
    KITH_RETURN_IF_ERROR(CheckMemory(entry.info.space, view->passages, view->index.memory_bytes()));
  }
  if (update.default_durability) {
    entry.info.options.default_durability = *update.default_durability;
  }
  ++entry.revision;
  entry.info.etag = CollectionEtag(entry.number, entry.revision);
  entry.info.update_time = Now();

  storage::CommitBatch batch(*services_->store);
  batch.PutCollection(entry.number, RecordOf(entry));
  KITH_RETURN_IF_ERROR(services_->store->Commit(batch, storage::Durability::kSynced));
  entry.collection->ReplaceInfo(entry.info);
  entry.shard->served()->indexer().Configure(entry.info.space.index);
  absl::MutexLock lock(&mu_);
  return (entries_.find(name)->second = std::move(entry)).info;
}

absl::StatusOr<Operation> CollectionCatalog::Delete(std::string_view name,
                                                    std::string_view if_match) {
  absl::MutexLock change(&change_mu_);
  KITH_ASSIGN_OR_RETURN(Entry entry, Copy(name));
  if (entry.info.state == CollectionState::kLoading) return Find(name).status();
  if (!if_match.empty() && if_match != entry.info.etag) {
    return Error(absl::StatusCode::kAborted, reason::kEtagMismatch,
                 "collection \"{}\" has etag {}, the condition was {}", name, entry.info.etag,
                 Quoted(if_match))
        .Field("if_match")
        .With("current_etag", entry.info.etag);
  }
  // Writes that were accepted are answered first; those that come later find no collection.
  // The indexer first: what it has on the strand ends before Close returns.
  entry.shard->StopIndexing();
  if (entry.collection != nullptr) entry.shard->Close();
  const uint32_t shard_number = entry.shard->identity().shard;
  const Operation operation = operations_->New(OperationKind::kReclaimCollection, entry.info.name);
  store::CollectionRecord record = RecordOf(entry);
  record.set_state(store::COLLECTION_STATE_DROPPING);
  storage::CommitBatch batch(*services_->store);
  batch.PutCollection(entry.number, record);
  batch.PutOperation(operation.id, OperationRecordOf(operation, entry.number));
  batch.DropShard(shard_number);
  std::optional<Operation> filling;
  if (entry.info.reembedding && IsFilling(entry, entry.info.reembedding->operation)) {
    filling = operations_->Ending(entry.info.reembedding->operation,
                                  absl::CancelledError("the collection has been deleted"));
  }
  if (filling) batch.PutOperation(filling->id, OperationRecordOf(*filling, entry.number));
  if (absl::Status stored = services_->store->Commit(batch, storage::Durability::kSynced);
      !stored.ok()) {
    if (entry.collection != nullptr) {
      entry.shard->Reopen();
      entry.shard->ResumeIndexing();
    }
    return stored;
  }
  {
    absl::MutexLock lock(&mu_);
    entries_.erase(entries_.find(name));
  }
  if (filling) {
    operations_->Cancel(filling->id).IgnoreError();
    operations_->Ended(*filling);
  }
  Users users = {entry.shard};
  for (const auto& space : entry.shard->spaces()) users.push_back(space);
  Reclaim(operation.id, entry.number, shard_number, std::move(users),
          operations_->Add(operation, entry.number));
  return operation;
}

void CollectionCatalog::Reclaim(std::string operation, uint32_t number, uint32_t shard_number,
                                Users users, std::shared_ptr<const Call> call) {
  std::erase_if(users, [](const auto& user) { return user.expired(); });
  if (!users.empty() && call->Check().ok()) {
    // Files are dropped under whoever reads them: wait for the last reader, without keeping a
    // thread.
    operations_->SetPhase(operation, "waiting for readers");
    services_->timer.After(kReaderPoll,
                           [=, this] { Reclaim(operation, number, shard_number, users, call); });
    return;
  }
  services_->background.Post([=, this] {
    absl::Status status = call->Check();
    if (status.ok()) {
      operations_->SetPhase(operation, "reclaiming space");
      // Its last reader is gone, and so is every build: nobody writes there any more.
      status = services_->store->segments().RemoveShard(shard_number);
      if (status.ok()) status = services_->store->ReclaimShard(shard_number, *call);
    }
    // At the end of the server the record stays as it is, and the next start goes on.
    if (!status.ok() && services_->stopping()) return;
    storage::CommitBatch batch(*services_->store);
    if (status.ok() || absl::IsCancelled(status)) batch.DeleteCollection(number);
    operations_->End(operation, status, &batch);
  });
}

}  // namespace kith::engine
