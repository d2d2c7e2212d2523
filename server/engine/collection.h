// Collection: everything one collection can be asked. The RPC layer finds one in the Database and
// calls it.
//
// Writes and searches are asynchronous: they return at once and call `done` exactly once from a
// thread of the engine. Reads are given a ReadView on a thread that may block.
//
// Thread-safe. A Collection that has been deleted answers NOT_FOUND to writes; readers that hold a
// ReadView finish on it.

#ifndef KITH_SERVER_ENGINE_COLLECTION_H_
#define KITH_SERVER_ENGINE_COLLECTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "kith/base/call.h"
#include "server/engine/document.h"
#include "server/engine/document_filter.h"
#include "server/engine/encoders.h"
#include "server/engine/index_admin.h"
#include "server/engine/operations.h"
#include "server/engine/schema.h"
#include "server/engine/search.h"
#include "server/engine/write.h"

namespace kith::engine {

class IngestSession;
class OperationRegistry;
class ReadView;
struct PrepareContext;
struct PreparedWrite;
class Services;
class Shard;
struct SpaceSet;

class Collection : public std::enable_shared_from_this<Collection> {
 public:
  // `services` and `operations` must outlive the collection. Made by the Database alone.
  Collection(const Services* services, uint32_t number, CollectionInfo info,
             std::shared_ptr<const SpaceSet> spaces, std::shared_ptr<Shard> shard,
             OperationRegistry* operations);
  ~Collection();

  CollectionInfo info() const;
  uint32_t number() const { return number_; }

  // Writes documents, all or none.
  void Upsert(UpsertRequest request, std::shared_ptr<const Call> call, UpsertDone done);
  void Delete(DeleteRequest request, std::shared_ptr<const Call> call, DeleteDone done);
  // Deletes the documents that a filter lets through now (filtering/delete_matching.h), in batches:
  // each is whole or absent, not all of them together.
  void DeleteMatching(DeleteMatchingRequest request, std::shared_ptr<const Call> call,
                      DeleteMatchingDone done);
  // Changes the metadata of documents, of all or of none. Nothing is encoded or indexed anew.
  void UpdateMetadata(UpdateMetadataRequest request, std::shared_ptr<const Call> call,
                      UpdateMetadataDone done);

  // A stream of batches that are prepared in parallel and committed in order.
  // INVALID_ARGUMENT if the stream id is not one. An empty id: the stream cannot be resumed.
  absl::StatusOr<std::unique_ptr<IngestSession>> Ingest(std::string stream_id,
                                                        std::optional<Durability> durability,
                                                        Truncation truncation,
                                                        std::shared_ptr<const Call> call);

  // Answers `requests` on one View, at `at_least` or later.
  void Search(std::vector<SearchRequest> requests, std::optional<CommitToken> at_least,
              std::shared_ptr<const Call> call, SearchDone done);

  // Calls `read` with a view at `at_least` or later, on a thread that may block.
  void Read(std::optional<CommitToken> at_least, std::shared_ptr<const Call> call,
            std::function<void(absl::StatusOr<ReadView>)> read);

  absl::StatusOr<CollectionStats> Stats() const;

  // In memory, quick.
  IndexStatus index_status() const;
  // Index work that would come by itself, now: an operation that ends when every row that is there
  // now is in a graph, or (Merge) when the segments are merged as far as they go as well. Storage
  // is written: call it on a thread that may block.
  absl::StatusOr<Operation> SealIndex();
  absl::StatusOr<Operation> MergeIndex();
  // Compares searches as `request` tunes them with exact ones, on one View.
  void MeasureRecall(RecallRequest request, std::shared_ptr<const Call> call, RecallDone done);

  // For the Database.
  const std::shared_ptr<Shard>& shard() const { return shard_; }
  void ReplaceInfo(CollectionInfo info);
  // What is prepared or searched from now on uses these spaces.
  void ReplaceSpaces(CollectionInfo info, std::shared_ptr<const SpaceSet> spaces);
  std::shared_ptr<const SpaceSet> spaces() const;
  // Whether something that began with spaces of before is still under way.
  bool UsesOldSpaces();
  PrepareContext Context() const;
  // Goes on with what SealIndex or MergeIndex began before a restart.
  void ContinueIndexWork(const Operation& operation, std::shared_ptr<const Call> call);

  // The two halves of Upsert, for streams: prepare in any order, commit in the order of the calls.
  void PrepareUpsertAsync(UpsertRequest request, std::shared_ptr<const Call> call,
                          std::function<void(absl::StatusOr<std::unique_ptr<PreparedWrite>>)> done);
  void CommitUpsert(std::unique_ptr<PreparedWrite> write, UpsertDone done);

 private:
  absl::StatusOr<Operation> BeginIndexWork(OperationKind kind);

  // Constant after construction.
  const Services* const services_;
  const uint32_t number_;
  const std::shared_ptr<Shard> shard_;
  OperationRegistry* const operations_;

  mutable absl::Mutex mu_;
  CollectionInfo info_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<const SpaceSet> spaces_ ABSL_GUARDED_BY(mu_);
  std::vector<std::weak_ptr<const SpaceSet>> old_spaces_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_COLLECTION_H_
