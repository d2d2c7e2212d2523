// CollectionCatalog: the collections of this server by name, and every change to that set. Rows of
// the storage catalog and this map change together: first the rows, then the map.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_COLLECTION_CATALOG_H_
#define KITH_SERVER_ENGINE_COLLECTION_CATALOG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "kith/base/call.h"
#include "kith/store/catalog.pb.h"
#include "server/engine/collection.h"
#include "server/engine/model_registry.h"
#include "server/engine/operation_registry.h"
#include "server/engine/preparer.h"
#include "server/engine/services.h"
#include "storage/catalog.h"

namespace kith::engine {

struct ShardIdentity;

class CollectionCatalog {
 public:
  // All must outlive it, and Services::Stop must have returned before it is destroyed.
  CollectionCatalog(const Services* services, ModelRegistry* models, OperationRegistry* operations)
      : services_(services), models_(models), operations_(operations) {}

  // Takes in what the storage catalog holds and begins to load the collections in the background.
  // Once.
  absl::Status Restore(storage::Catalog catalog);

  // Block: storage is written, and synced.
  absl::StatusOr<CollectionInfo> Create(const CollectionSpec& spec) ABSL_LOCKS_EXCLUDED(change_mu_);
  absl::StatusOr<CollectionInfo> Update(std::string_view name, const CollectionUpdate& update)
      ABSL_LOCKS_EXCLUDED(change_mu_);
  absl::StatusOr<Operation> Delete(std::string_view name, std::string_view if_match)
      ABSL_LOCKS_EXCLUDED(change_mu_);
  // See Database.
  absl::StatusOr<Operation> Reembed(std::string_view name, const ReembedSpec& spec,
                                    const Call& call) ABSL_LOCKS_EXCLUDED(change_mu_);
  absl::StatusOr<CollectionInfo> CommitReembedding(std::string_view name, std::string_view if_match)
      ABSL_LOCKS_EXCLUDED(change_mu_);
  absl::StatusOr<CollectionInfo> RollbackReembedding(std::string_view name,
                                                     std::string_view if_match)
      ABSL_LOCKS_EXCLUDED(change_mu_);

  // Unloads a model that no collection is bound to: FAILED_PRECONDITION / MODEL_IN_USE names those
  // that are. Blocks.
  absl::StatusOr<Operation> UnloadModel(std::string_view name) ABSL_LOCKS_EXCLUDED(change_mu_);
  // What is loaded, and how many collections are bound to it. Reads the folder of models.
  ModelList ListModels() const;

  absl::StatusOr<CollectionInfo> Get(std::string_view name) const;
  std::vector<CollectionInfo> List(std::string_view after_name, size_t limit) const;
  absl::StatusOr<std::shared_ptr<Collection>> Find(std::string_view name) const;

  // All that are loaded.
  std::vector<std::shared_ptr<Collection>> Loaded() const;
  size_t size() const;
  size_t loading() const;
  void WhenLoaded(std::function<void()> done);

 private:
  struct Entry {
    uint32_t number = 0;
    uint64_t revision = 1;
    CollectionInfo info;
    std::shared_ptr<Shard> shard = nullptr;
    std::shared_ptr<Collection> collection = nullptr;  // until loaded
    absl::Status error = absl::OkStatus();             // why it could not be loaded
  };
  // Names are few and listed in order.
  using Entries = std::map<std::string, Entry, std::less<>>;

  // --- Re-embedding (collection_catalog_reembed.cc) ---

  // Loaded, and of that etag if one is given: in `field` of the request.
  absl::StatusOr<Entry> ToChange(std::string_view name, std::string_view if_match,
                                 const char* field) const ABSL_LOCKS_EXCLUDED(mu_);
  // NO_TEXT if a document has none.
  absl::Status CheckTexts(const Collection& collection, const Call& call) const;
  absl::StatusOr<VectorSpace> NewSpaceOf(const Entry& entry, const EncoderRef& encoder) const;
  // Fills the other space of a collection, and goes on with the cut-over.
  void StartFilling(const std::string& name, const std::shared_ptr<Collection>& collection,
                    const std::string& operation, std::shared_ptr<const Call> call);
  void EndFilling(const std::string& name, const std::string& operation,
                  std::shared_ptr<const Call> call, const absl::Status& filled)
      ABSL_LOCKS_EXCLUDED(change_mu_);
  absl::Status CutOver(const std::string& name, const std::string& operation)
      ABSL_LOCKS_EXCLUDED(change_mu_);
  // Whether `entry` is being filled by that operation.
  static bool IsFilling(const Entry& entry, std::string_view operation);
  // `entry` has one space again, which is searched: that of this number. Ends `operation`, if it is
  // not empty, by `status` in the same commit.
  absl::StatusOr<CollectionInfo> KeepSpace(Entry entry, uint16_t number,
                                           const std::string& operation, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mu_);
  // Stores `entry` and makes these its spaces, in one commit with `batch`; then in memory.
  absl::StatusOr<CollectionInfo> StoreSpaces(
      Entry entry, std::shared_ptr<const SpaceSet> spaces, storage::CommitBatch* batch,
      const std::function<absl::Status(const store::ShardState&)>& when)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mu_);
  // Gives back the disk space of one that was dropped, once its last reader is gone.
  void ReclaimSpace(uint32_t shard, uint16_t space, std::weak_ptr<SpaceIndex> index);

  // ---

  std::shared_ptr<Shard> MakeShard(const ShardIdentity& identity,
                                   std::shared_ptr<const index::TermAnalyser> analyser,
                                   const CollectionOptions& options) const;
  absl::StatusOr<CollectionInfo> Resolve(const CollectionSpec& spec, EncoderRef* encoder) const;
  // Index work and re-embeddings that a stop or a crash cut short go on.
  void ContinueOperations(const std::string& name, const std::shared_ptr<Collection>& collection);
  // RESOURCE_EXHAUSTED / MEMORY_BUDGET if so many passages would not fit, once the `held` bytes of
  // what they replace are given back.
  absl::Status CheckMemory(const VectorSpace& space, uint64_t passages, uint64_t held) const;
  absl::Status CheckNew(const CollectionInfo& info) const ABSL_LOCKS_EXCLUDED(mu_);
  // The collections that are bound to a model, by name.
  std::vector<std::string> UsersOf(const LoadedModel& model) const ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<Entry> Copy(std::string_view name) const ABSL_LOCKS_EXCLUDED(mu_);
  store::CollectionRecord RecordOf(const Entry& entry) const;
  void Load(const std::string& name, const storage::Catalog& catalog);
  // A space of the entry with its encoder, as `catalog` has that.
  SpaceInUse InUse(const Entry& entry, const VectorSpace& space,
                   const storage::Catalog& catalog) const;
  // Gives back the space of a dropped collection: waits for its last reader and build, then
  // reclaims.
  using Users = std::vector<std::weak_ptr<const void>>;
  void Reclaim(std::string operation, uint32_t number, uint32_t shard_number, Users users,
               std::shared_ptr<const Call> call);
  static absl::Status NotFound(std::string_view name);

  // Constant after construction.
  const Services* const services_;
  ModelRegistry* const models_;
  OperationRegistry* const operations_;

  // Held during a whole change, its sync included: changes come one at a time.
  absl::Mutex change_mu_;
  store::ServerRecord server_ ABSL_GUARDED_BY(change_mu_);  // the next free numbers

  mutable absl::Mutex mu_ ABSL_ACQUIRED_AFTER(change_mu_);
  Entries entries_ ABSL_GUARDED_BY(mu_);
  size_t loading_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::function<void()>> when_loaded_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_COLLECTION_CATALOG_H_
