#include "server/engine/space_index.h"

#include <utility>

#include "kith/base/status_macros.h"
#include "server/engine/indexing/segment_loader.h"
#include "server/engine/records.h"
#include "storage/store.h"

namespace kith::engine {

SpaceIndex::SpaceIndex(const Services* services, const SpaceIdentity& identity,
                       std::shared_ptr<const RowMaker> rows, const Strand& strand)
    : services_(services),
      identity_(identity),
      rows_(std::move(rows)),
      strand_(strand),
      sampler_(services, this),
      indexer_(services, this) {}

absl::Status SpaceIndex::Load(const store::ShardState& state, const store::ManifestRecord& manifest,
                              const LoadProgress& progress, const Call& call) {
  KITH_ASSIGN_OR_RETURN(writer_,
                        LoadIndex(*services_, identity_, *rows_, state, manifest, progress, call));
  memory_ = services_->memory.Take(writer_->memory_bytes());
  manifest_ =
      std::make_unique<ManifestKeeper>(services_, identity_.shard, identity_.space, manifest);
  return manifest_->FollowLoaded(writer_->Publish(),
                                 CounterOf(state, identity_.space).next_ordinal());
}

void SpaceIndex::Begin(std::shared_ptr<const View> view) {
  Replace(std::move(view));
  indexer_.Begin(std::move(manifest_));
}

std::shared_ptr<const View> SpaceIndex::view() const {
  absl::ReaderMutexLock lock(&view_mu_);
  return view_;
}

void SpaceIndex::Replace(std::shared_ptr<const View> view) {
  {
    absl::MutexLock lock(&view_mu_);
    view_.swap(view);
  }
  // The old one goes here: its last reference may drop a snapshot, which takes RocksDB's mutex.
}

void SpaceIndex::Publish(std::shared_ptr<const View> view) {
  Replace(std::move(view));
  indexer_.Published(*this->view());
}

void SpaceIndex::OnStrand(std::function<bool(index::IndexWriter&)> work,
                          std::function<void()> after) {
  strand_.Post([self = shared_from_this(), work = std::move(work), after = std::move(after)] {
    if (work(*self->writer_)) {
      auto fresh = std::make_shared<View>(*self->view());
      fresh->index = self->writer_->Publish();
      fresh->snapshot = self->services_->store->TakeSnapshot();
      self->AccountMemory();
      self->Publish(std::move(fresh));
    }
    after();
  });
}

absl::Status SpaceIndex::Reserve(const index::RowNeeds& needs) {
  const uint64_t bytes = writer_->BytesToReserve(needs);
  if (bytes == 0) return absl::OkStatus();
  KITH_ASSIGN_OR_RETURN(const auto taken, services_->memory.ReserveForWrite(bytes));
  KITH_RETURN_IF_ERROR(writer_->Reserve(needs));
  AccountMemory();
  return absl::OkStatus();
}

void SpaceIndex::RefreshSnapshot() {
  strand_.Post([self = shared_from_this()] {
    auto fresh = std::make_shared<View>(*self->view());
    fresh->snapshot = self->services_->store->TakeSnapshot();
    self->Publish(std::move(fresh));
  });
}

}  // namespace kith::engine
