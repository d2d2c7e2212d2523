// SpaceIndex: the index of one vector space of a shard: its rows in memory, the View that readers
// of the space take, and what keeps the index in shape. A shard has one; while its collection is
// re-embedded it has two, which know nothing of each other.
//
//   Load --> Begin(first View) --> [strand] writer(), Publish() a commit each --> End
//
// Thread-safe, but for what says "on the strand". Held by shared pointers: searches, builds and
// samples that hold one finish on it, after the space was dropped, too.

#ifndef KITH_SERVER_ENGINE_SPACE_INDEX_H_
#define KITH_SERVER_ENGINE_SPACE_INDEX_H_

#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "index/index_writer.h"
#include "kith/base/call.h"
#include "kith/store/catalog.pb.h"
#include "server/engine/executor.h"
#include "server/engine/indexing/manifest_keeper.h"
#include "server/engine/indexing/recall_sampler.h"
#include "server/engine/indexing/replay.h"
#include "server/engine/indexing/shard_indexer.h"
#include "server/engine/memory_budget.h"
#include "server/engine/row_maker.h"
#include "server/engine/services.h"
#include "server/engine/shard_identity.h"
#include "server/engine/view.h"

namespace kith::engine {

class SpaceIndex : public std::enable_shared_from_this<SpaceIndex> {
 public:
  // `services` must outlive it. `strand`: the shard's.
  SpaceIndex(const Services* services, const SpaceIdentity& identity,
             std::shared_ptr<const RowMaker> rows, const Strand& strand);
  SpaceIndex(const SpaceIndex&) = delete;
  SpaceIndex& operator=(const SpaceIndex&) = delete;

  const SpaceIdentity& identity() const { return identity_; }
  const std::shared_ptr<const RowMaker>& rows() const { return rows_; }

  // Segments from their files, what they do not cover from storage; nothing is encoded. DATA_LOSS
  // if what is stored does not agree with the counts of `state`. Once, before anything below.
  absl::Status Load(const store::ShardState& state, const store::ManifestRecord& manifest,
                    const LoadProgress& progress, const Call& call);
  // Once: from here on the index is kept in shape.
  void Begin(std::shared_ptr<const View> view) ABSL_LOCKS_EXCLUDED(view_mu_);

  std::shared_ptr<const View> view() const ABSL_LOCKS_EXCLUDED(view_mu_);

  RecallSampler& sampler() { return sampler_; }
  ShardIndexer& indexer() { return indexer_; }
  const ShardIndexer& indexer() const { return indexer_; }

  // Runs `work` on the strand; when it returns true, the View that is there is published anew with
  // the index as it is then; then `after` is called there. Both before this is destroyed.
  void OnStrand(std::function<bool(index::IndexWriter&)> work, std::function<void()> after);

  // Exchanges the View's storage snapshot for a fresh one of the same state, so that an idle shard
  // does not keep old rows of busy ones from being dropped.
  void RefreshSnapshot();

  // --- On the strand ---
  index::IndexWriter& writer() { return *writer_; }
  // RESOURCE_EXHAUSTED / MEMORY_BUDGET. What was reserved before and not used yet counts.
  absl::Status Reserve(const index::RowNeeds& needs);
  void Publish(std::shared_ptr<const View> view) ABSL_LOCKS_EXCLUDED(view_mu_);
  // Tells the budget what the index takes now.
  void AccountMemory() { memory_.Resize(writer_->memory_bytes()); }

 private:
  void Replace(std::shared_ptr<const View> view) ABSL_LOCKS_EXCLUDED(view_mu_);

  // Constant after construction.
  const Services* const services_;
  const SpaceIdentity identity_;
  const std::shared_ptr<const RowMaker> rows_;
  Strand strand_;

  // Own synchronisation.
  RecallSampler sampler_;
  ShardIndexer indexer_;

  // Set by Load, then touched on the strand alone.
  std::unique_ptr<index::IndexWriter> writer_;
  MemoryBudget::Reservation memory_;
  std::unique_ptr<ManifestKeeper> manifest_;  // until Begin gives it to the indexer

  // Held for the copy of a pointer. (std::atomic<std::shared_ptr> of libstdc++ is a spin lock, too,
  // and one that ThreadSanitizer does not understand.)
  mutable absl::Mutex view_mu_;
  std::shared_ptr<const View> view_ ABSL_GUARDED_BY(view_mu_);
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SPACE_INDEX_H_
