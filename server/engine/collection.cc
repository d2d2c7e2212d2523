#include "server/engine/collection.h"

#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/filtering/delete_matching.h"
#include "server/engine/indexing/recall_report.h"
#include "server/engine/ingest_session.h"
#include "server/engine/model_registry.h"
#include "server/engine/operation_registry.h"
#include "server/engine/ordered_ingest.h"
#include "server/engine/preparer.h"
#include "server/engine/read_view.h"
#include "server/engine/records.h"
#include "server/engine/searching/search_task.h"
#include "server/engine/services.h"
#include "server/engine/shard.h"
#include "server/engine/validate.h"
#include "storage/commit_batch.h"
#include "storage/store.h"

namespace kith::engine {
namespace {

UpsertDone Counted(InFlight::Ticket ticket, UpsertDone done) {
  return [ticket = std::move(ticket), done = std::move(done)](absl::StatusOr<UpsertAnswer> answer) {
    done(std::move(answer));
  };
}

UpsertAnswer UpsertAnswerOf(WriteAnswer answer) {
  return {std::move(answer.results), std::move(answer.token), answer.durability,
          answer.encoded_tokens};
}

UpdateMetadataAnswer UpdateAnswerOf(WriteAnswer answer) {
  UpdateMetadataAnswer out{.results = {},
                           .missing = answer.missing,
                           .token = std::move(answer.token),
                           .durability = answer.durability};
  for (UpsertResult& result : answer.results) {
    out.results.push_back({std::move(result.id), std::move(result.etag)});
  }
  return out;
}

}  // namespace

Collection::Collection(const Services* services, uint32_t number, CollectionInfo info,
                       std::shared_ptr<const SpaceSet> spaces, std::shared_ptr<Shard> shard,
                       OperationRegistry* operations)
    : services_(services),
      number_(number),
      shard_(std::move(shard)),
      operations_(operations),
      info_(std::move(info)),
      spaces_(std::move(spaces)) {}

Collection::~Collection() = default;

CollectionInfo Collection::info() const {
  absl::MutexLock lock(&mu_);
  return info_;
}

void Collection::ReplaceInfo(CollectionInfo info) {
  absl::MutexLock lock(&mu_);
  info_ = std::move(info);
}

PrepareContext Collection::Context() const {
  absl::MutexLock lock(&mu_);
  return {shard_->identity().shard, spaces_, info_.options, shard_->rows()};
}

std::shared_ptr<const SpaceSet> Collection::spaces() const {
  absl::MutexLock lock(&mu_);
  return spaces_;
}

void Collection::ReplaceSpaces(CollectionInfo info, std::shared_ptr<const SpaceSet> spaces) {
  absl::MutexLock lock(&mu_);
  info_ = std::move(info);
  old_spaces_.push_back(spaces_);
  spaces_.swap(spaces);  // the old one dies after the lock is gone, if nobody uses it
}

bool Collection::UsesOldSpaces() {
  absl::MutexLock lock(&mu_);
  std::erase_if(old_spaces_, [](const auto& old) { return old.expired(); });
  return !old_spaces_.empty();
}

void Collection::PrepareUpsertAsync(UpsertRequest request, std::shared_ptr<const Call> call,
                                    PreparedDone done) {
  // std::function wants copyable captures: the request travels in a shared pointer.
  auto shared = std::make_shared<UpsertRequest>(std::move(request));
  absl::Status queued = services_->prepares.Submit(
      call, [self = shared_from_this(), shared, call, done](absl::Status status) {
        if (!status.ok()) return done(std::move(status));
        PrepareUpsert(*self->services_, self->Context(), std::move(*shared), call, done);
      });
  if (!queued.ok()) done(std::move(queued));
}

void Collection::CommitUpsert(Prepared write, UpsertDone done) {
  write->done = [done = std::move(done)](absl::StatusOr<WriteAnswer> answer) {
    if (!answer.ok()) return done(answer.status());
    done(UpsertAnswerOf(*std::move(answer)));
  };
  shard_->Commit(std::move(write));
}

void Collection::Upsert(UpsertRequest request, std::shared_ptr<const Call> call, UpsertDone done) {
  done = Counted(services_->in_flight.Enter(), std::move(done));
  PrepareUpsertAsync(std::move(request), std::move(call),
                     [self = shared_from_this(), done](absl::StatusOr<Prepared> write) {
                       if (!write.ok()) return done(write.status());
                       self->CommitUpsert(*std::move(write), done);
                     });
}

void Collection::Delete(DeleteRequest request, std::shared_ptr<const Call> call, DeleteDone done) {
  auto write = PrepareDelete(*services_, info().options, std::move(request), std::move(call));
  if (!write.ok()) return done(write.status());
  (*write)->ticket = services_->in_flight.Enter();
  (*write)->done = [done = std::move(done)](absl::StatusOr<WriteAnswer> answer) {
    if (!answer.ok()) return done(answer.status());
    done(DeleteAnswer{answer->deleted, answer->missing, std::move(answer->token),
                      answer->durability});
  };
  shard_->Commit(*std::move(write));
}

void Collection::UpdateMetadata(UpdateMetadataRequest request, std::shared_ptr<const Call> call,
                                UpdateMetadataDone done) {
  // std::function wants copyable captures: the request travels in a shared pointer.
  auto shared = std::make_shared<UpdateMetadataRequest>(std::move(request));
  auto run = [self = shared_from_this(), shared, call, done,
              ticket = services_->in_flight.Enter()](absl::Status status) {
    if (!status.ok()) return done(std::move(status));
    auto write = PrepareUpdate(*self->services_, self->info().options, std::move(*shared), call);
    if (!write.ok()) return done(write.status());
    (*write)->ticket = ticket;
    (*write)->done = [done](absl::StatusOr<WriteAnswer> answer) {
      if (!answer.ok()) return done(answer.status());
      done(UpdateAnswerOf(*std::move(answer)));
    };
    self->shard_->Commit(*std::move(write));
  };
  // A large request takes a while to check: not on the thread that received it.
  absl::Status queued = services_->prepares.Submit(call, std::move(run));
  if (!queued.ok()) done(std::move(queued));
}

void Collection::DeleteMatching(DeleteMatchingRequest request, std::shared_ptr<const Call> call,
                                DeleteMatchingDone done) {
  engine::DeleteMatching(services_, shard_, info().options, std::move(request), std::move(call),
                         std::move(done));
}

absl::StatusOr<std::unique_ptr<IngestSession>> Collection::Ingest(
    std::string stream_id, std::optional<Durability> durability, Truncation truncation,
    std::shared_ptr<const Call> call) {
  if (!stream_id.empty()) {
    absl::Status valid =
        ValidateClientId(stream_id, services_->limits.stream_id_bytes, "stream_id");
    if (!valid.ok()) return valid;
  }
  return NewOrderedIngest(services_, shared_from_this(), std::move(stream_id), durability,
                          truncation, std::move(call));
}

void Collection::Search(std::vector<SearchRequest> requests, std::optional<CommitToken> at_least,
                        std::shared_ptr<const Call> call, SearchDone done) {
  std::make_shared<SearchTask>(services_, shard_, Context(), std::move(requests),
                               std::move(at_least), std::move(call), std::move(done))
      ->Start();
}

void Collection::Read(std::optional<CommitToken> at_least, std::shared_ptr<const Call> call,
                      std::function<void(absl::StatusOr<ReadView>)> read) {
  auto run = [self = shared_from_this(), call, read,
              ticket = services_->in_flight.Enter()](absl::Status visible) {
    if (!visible.ok()) return read(std::move(visible));
    absl::Status queued =
        self->services_->reads.Submit(call, [self, read, ticket](absl::Status status) {
          if (!status.ok()) return read(std::move(status));
          const PrepareContext context = self->Context();
          read(ReadView(self->shard_, context.index(), context.index()->view(),
                        context.options.unindexed_fields));
        });
    if (!queued.ok()) read(std::move(queued));
  };
  if (!at_least) return run(absl::OkStatus());
  shard_->AwaitVisible(*at_least, call, std::move(run));
}

// --- The index ---

IndexStatus Collection::index_status() const {
  const std::shared_ptr<const SpaceSet> spaces = this->spaces();
  SpaceIndex& index = *spaces->served.index;
  IndexStatus status = index.indexer().Status(*index.view());
  status.sampled_recall = index.sampler().recall();
  status.ef_boost = index.sampler().boost();
  return status;
}

absl::StatusOr<Operation> Collection::SealIndex() {
  return BeginIndexWork(OperationKind::kSealIndex);
}

absl::StatusOr<Operation> Collection::MergeIndex() {
  return BeginIndexWork(OperationKind::kMergeIndex);
}

absl::StatusOr<Operation> Collection::BeginIndexWork(OperationKind kind) {
  const Operation operation = operations_->New(kind, info().name);
  storage::CommitBatch batch(*services_->store);
  batch.PutOperation(operation.id, OperationRecordOf(operation, number_));
  KITH_RETURN_IF_ERROR(services_->store->Commit(batch, storage::Durability::kSynced));
  ContinueIndexWork(operation, operations_->Add(operation, number_));
  return operation;
}

void Collection::ContinueIndexWork(const Operation& operation, std::shared_ptr<const Call> call) {
  IndexRequest request;
  request.merge = operation.kind == OperationKind::kMergeIndex;
  request.call = std::move(call);
  request.progress = [operations = operations_, id = operation.id](const std::string& phase,
                                                                   uint64_t done, uint64_t total) {
    operations->SetProgress(id, phase, done, total);
  };
  request.done = [services = services_, operations = operations_,
                  id = operation.id](absl::Status status) {
    // Storage is written: not on the thread that says so.
    services->background.Post([services, operations, id, status] {
      // At the end of the server the record stays as it is, and the next start goes on.
      if (!status.ok() && services->stopping()) return;
      storage::CommitBatch batch(*services->store);
      operations->End(id, status, &batch);
    });
  };
  spaces()->served.index->indexer().Ask(std::move(request));
}

void Collection::MeasureRecall(RecallRequest request, std::shared_ptr<const Call> call,
                               RecallDone done) {
  const std::shared_ptr<SpaceIndex> index = spaces()->served.index;
  const uint32_t dimension = index->identity().dimension;
  if (absl::Status bad = ValidateRecallRequest(request, dimension, services_->limits); !bad.ok()) {
    return done(std::move(bad));
  }
  // It scans everything once a query: not where searches wait for a thread.
  absl::Status queued = services_->background.Submit(
      call, [index, call, done, request = std::move(request),
             ticket = services_->in_flight.Enter()](absl::Status status) {
        if (!status.ok()) return done(std::move(status));
        const std::shared_ptr<const View> view = index->view();
        auto answer = MeasureOn(view->index, request, index->sampler().boost(), *call);
        if (answer.ok()) return done(*std::move(answer));
        done(index->indexer().AfterFailure(*view, answer.status()));
      });
  if (!queued.ok()) done(std::move(queued));
}

absl::StatusOr<CollectionStats> Collection::Stats() const {
  const std::shared_ptr<const SpaceSet> spaces = this->spaces();
  const std::shared_ptr<const View> view = spaces->served.index->view();
  CollectionStats stats;
  stats.documents = view->documents;
  stats.passages = view->passages;
  stats.text_bytes = view->text_bytes;
  stats.segments = static_cast<uint32_t>(view->index.segments().size());
  for (const index::SegmentView& segment : view->index.segments()) {
    stats.deleted_rows += segment.deleted.count();
  }
  stats.index_memory_bytes = view->index.memory_bytes();
  if (spaces->other) stats.index_memory_bytes += spaces->other->index->view()->index.memory_bytes();
  KITH_ASSIGN_OR_RETURN(const auto families,
                        services_->store->ApproximateShardBytes(shard_->identity().shard));
  for (const storage::ShardBytes& family : families) stats.disk_bytes += family.bytes;
  stats.commit_token = shard_->TokenOf(*view);
  stats.history_hash = view->running_hash;
  stats.fields = view->fields->types();
  return stats;
}

}  // namespace kith::engine
