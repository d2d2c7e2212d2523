#include "server/engine/reembedding/space_filler.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "fmt/format.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/records.h"
#include "server/engine/shard.h"
#include "server/engine/validate.h"
#include "storage/store.h"

namespace kith::engine {
namespace {

// Of a batch: enough to keep the encoder's workers busy while the next one is read, little enough
// that a writer's passages never wait long behind it.
constexpr size_t kBatchDocuments = 64;
constexpr size_t kBatchTextBytes = 256 << 10;
// Records that are read at a time, of which most may be filled.
constexpr size_t kScanned = 512;
// How often writes under way, and the index, are looked after.
constexpr std::chrono::milliseconds kPoll{10};
// Between attempts at a batch that something has no room for.
constexpr std::chrono::milliseconds kBackoffMin{50};
constexpr std::chrono::milliseconds kBackoffMax{5'000};

bool MayPass(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status) ||
         absl::IsAborted(status);
}

}  // namespace

SpaceFiller::SpaceFiller(const Services* services, std::shared_ptr<Collection> collection,
                         std::shared_ptr<const Call> call, Progress progress, Filled filled)
    : services_(services),
      collection_(std::move(collection)),
      call_(std::move(call)),
      progress_(std::move(progress)),
      filled_(std::move(filled)),
      context_(collection_->Context()) {}

void SpaceFiller::Start() { Continue(&SpaceFiller::AwaitOldWrites); }

void SpaceFiller::Continue(void (SpaceFiller::*step)()) {
  if (services_->stopping()) return;
  services_->prepares.Post([self = shared_from_this(), step] {
    if (absl::Status status = self->call_->Check(); !status.ok()) {
      return self->End(std::move(status));
    }
    (*self.*step)();
  });
}

void SpaceFiller::Later(void (SpaceFiller::*step)(), std::chrono::milliseconds wait) {
  services_->timer.After(wait, [self = shared_from_this(), step] { self->Continue(step); });
}

void SpaceFiller::Report(const std::string& phase) const {
  progress_(phase, context_.spaces->other->index->view()->documents,
            context_.index()->view()->documents);
}

// A write that was prepared when there was one space may still come, and bring a document that has
// nothing in the new one.
void SpaceFiller::AwaitOldWrites() {
  Report("waiting for writes");
  if (collection_->UsesOldSpaces()) return Later(&SpaceFiller::AwaitOldWrites, kPoll);
  NextBatch();
}

void SpaceFiller::NextBatch() {
  Report("encoding");
  auto read = ReadBatch();
  if (!read.ok()) return Failed(read.status());
  const auto batch = std::make_shared<Batch>(*std::move(read));
  if (batch->sequences.empty()) {
    after_ = batch->end;
    return Continue(batch->is_last ? &SpaceFiller::Seal : &SpaceFiller::NextBatch);
  }
  absl::Status queued = services_->encodes.Submit(
      *context_.spaces->other->encoder, std::move(batch->sequences), encoder::Role::kPassage, call_,
      [self = shared_from_this(), batch](absl::StatusOr<std::vector<float>> rows) {
        self->Encoded(batch, std::move(rows));
      });
  if (!queued.ok()) Failed(std::move(queued));
}

absl::StatusOr<SpaceFiller::Batch> SpaceFiller::ReadBatch() {
  // Records, texts and etags of one moment.
  const storage::Reader reader(services_->store->TakeSnapshot());
  const uint16_t space = context_.spaces->other->space.number;
  Batch batch;
  batch.end = after_;
  size_t bytes = 0;
  while (!batch.is_last && batch.fills.empty()) {
    KITH_ASSIGN_OR_RETURN(const std::vector<storage::ListedDocument> listed,
                          reader.ListDocuments(context_.shard, batch.end, kScanned, "", *call_));
    batch.is_last = listed.size() < kScanned;
    for (const storage::ListedDocument& document : listed) {
      if (batch.fills.size() == kBatchDocuments || bytes >= kBatchTextBytes) {
        batch.is_last = false;
        break;
      }
      if (RangeIn(document.record, space) == nullptr) {
        KITH_RETURN_IF_ERROR(AddFill(reader, document, &bytes, &batch));
      }
      batch.end = document.id;
    }
  }
  size_t vectors = 0;
  for (const PreparedFill& fill : batch.fills) vectors += fill.passages.passages.size();
  KITH_ASSIGN_OR_RETURN(
      batch.memory,
      services_->memory.ReserveForWrite(
          2 * bytes + vectors * context_.spaces->other->space.dimension * sizeof(float)));
  return batch;
}

absl::Status SpaceFiller::AddFill(const storage::Reader& reader,
                                  const storage::ListedDocument& document, size_t* bytes,
                                  Batch* batch) {
  const store::DocumentRecord& record = document.record;
  if (record.text_id() == 0) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kNoText,
                 "the document {} has no text to encode", Quoted(document.id))
        .With("document", document.id);
  }
  KITH_ASSIGN_OR_RETURN(const std::string text, reader.ReadText(context_.shard, record.text_id(), 0,
                                                                record.text_size_bytes()));
  *bytes += text.size();
  KITH_ASSIGN_OR_RETURN(Metadata metadata, ReadMetadata(record));
  PreparedFill fill;
  fill.id = document.id;
  fill.sequence = record.sequence();
  fill.metadata =
      std::make_shared<const index::MetadataRow>(context_.rows->MetadataOf(std::move(metadata)));
  auto split =
      SplitFor(*context_.spaces->other, context_, text, Truncation::kEnd, *fill.metadata, *call_);
  if (!split.ok()) return InField(split.status(), "document " + Quoted(document.id));
  fill.passages = std::move(split->passages);
  std::move(split->sequences.begin(), split->sequences.end(), std::back_inserter(batch->sequences));
  batch->fills.push_back(std::move(fill));
  return absl::OkStatus();
}

void SpaceFiller::Encoded(const std::shared_ptr<Batch>& batch,
                          absl::StatusOr<std::vector<float>> rows) {
  if (!rows.ok()) return Failed(rows.status());
  const VectorSpace& space = context_.spaces->other->space;
  std::span<const float> rest = *rows;
  for (PreparedFill& fill : batch->fills) {
    const size_t count = fill.passages.passages.size() * space.dimension;
    absl::Status placed = PlaceVectors(rest.first(count), space, &fill.passages);
    if (!placed.ok()) return Failed(InField(std::move(placed), "document " + Quoted(fill.id)));
    rest = rest.subspan(count);
  }
  Commit(batch);
}

void SpaceFiller::Commit(const std::shared_ptr<Batch>& batch) {
  auto write = std::make_unique<PreparedWrite>();
  write->fills = std::move(batch->fills);
  // What a loss of power takes of it is filled again; the cut-over is synced, and all before it.
  write->durability = Durability::kApplied;
  write->time = Now();
  write->call = call_;
  write->memory = std::move(batch->memory);
  write->spaces = context_.spaces;
  write->done = [self = shared_from_this(), batch](const absl::StatusOr<WriteAnswer>& answer) {
    self->Committed(batch, answer.status());
  };
  collection_->shard()->Commit(std::move(write));
}

void SpaceFiller::Committed(const std::shared_ptr<Batch>& batch, const absl::Status& status) {
  if (!status.ok()) return Failed(status);
  backoff_ = {};
  after_ = batch->end;
  Continue(batch->is_last ? &SpaceFiller::Seal : &SpaceFiller::NextBatch);
}

// So that the first search of the new space finds graphs, as the last one of the old space did.
void SpaceFiller::Seal() {
  IndexRequest request;
  request.call = call_;
  request.progress = [progress = progress_](const std::string&, uint64_t done, uint64_t total) {
    progress("indexing", done, total);
  };
  // It must not hold the filler, which holds the index that keeps the request.
  sealing_ = std::make_shared<Sealing>();
  request.done = [sealing = sealing_](absl::Status status) {
    sealing->status = std::move(status);
    sealing->ended.Notify();
  };
  context_.spaces->other->index->indexer().Ask(std::move(request));
  AwaitSeal();
}

void SpaceFiller::AwaitSeal() {
  if (!sealing_->ended.HasBeenNotified()) return Later(&SpaceFiller::AwaitSeal, kPoll);
  if (!sealing_->status.ok()) return Failed(sealing_->status);
  End(absl::OkStatus());
}

void SpaceFiller::Failed(absl::Status status) {
  if (services_->stopping()) return;
  if (!MayPass(status)) return End(std::move(status));
  Report(fmt::format("waiting: {}", DetailsOf(status).reason));
  backoff_ = std::clamp(2 * backoff_, kBackoffMin, kBackoffMax);
  Later(&SpaceFiller::NextBatch, backoff_);
}

void SpaceFiller::End(absl::Status status) {
  services_->background.Post([self = shared_from_this(), status = std::move(status)] {
    if (self->services_->stopping() && !status.ok()) return;
    self->filled_(status);
  });
}

}  // namespace kith::engine
