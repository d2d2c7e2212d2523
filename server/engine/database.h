// Database: the whole engine behind one door: collections, encoders, operations, and the threads
// they run on. The RPC layer and tests own one; nothing below knows gRPC.
//
//   KITH_ASSIGN_OR_RETURN(auto database, Database::Open(options));   // storage is open,
//   collections load KITH_ASSIGN_OR_RETURN(auto collection, database->Find("articles"));
//   collection->Search(...);
//   database->Drain(deadline);                                       // refuse new work, let the
//   old end database.reset();                                                // closes storage
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_DATABASE_H_
#define KITH_SERVER_ENGINE_DATABASE_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kith/base/call.h"
#include "server/engine/collection.h"
#include "server/engine/encoders.h"
#include "server/engine/executor.h"
#include "server/engine/index_admin.h"
#include "server/engine/indexing/indexing_options.h"
#include "server/engine/limits.h"
#include "server/engine/operations.h"
#include "server/engine/schema.h"

namespace kith::engine {

// Something worth a line in the log. The engine itself writes no logs.
struct Event {
  enum class Level { kInfo, kWarning, kError };
  Level level = Level::kInfo;
  std::string message;
  std::string collection;  // empty: none in particular
};

struct DatabaseOptions {
  std::filesystem::path data_dir;
  // Directory of the default encoder; empty: vectors only.
  std::filesystem::path model_dir;
  // Folder whose folders are models that LoadModel can load, by name; empty: there are none.
  std::filesystem::path models_dir;
  // Of those, the ones to load now; one that cannot be loaded fails Open.
  std::vector<std::string> load_models;
  // Embeddings of questions that are kept, in bytes.
  uint64_t query_cache_bytes = 32 << 20;
  // Threads for encoding, and for searching and reading; 0: as many as the processor (or the
  // cgroup) has.
  int threads = 0;
  // Bytes for indexes, encoders and storage together; 0: 80 % of the cgroup's or the machine's.
  uint64_t memory_budget_bytes = 0;
  Limits limits;
  IndexingOptions indexing;
  // Receives events; called from any thread, must be quick. May be empty.
  std::function<void(const Event&)> on_event;
};

struct ServerInfo {
  std::string data_folder_id;
  uint32_t format_version = 0;
  uint32_t collections = 0, loading_collections = 0;
  uint64_t memory_budget_bytes = 0, memory_used_bytes = 0;
  std::string index_kernels, encoder_kernels;
  std::string default_encoder;
};

class Database {
 public:
  // Opens (or makes) the data folder, reads the catalog and loads the default encoder; collections
  // load in the background and answer COLLECTION_LOADING until each is there. Errors say what is
  // wrong with the folder or the model.
  static absl::StatusOr<std::unique_ptr<Database>> Open(DatabaseOptions options);
  virtual ~Database() = default;

  // Catalog. These block: call them on executor().
  virtual absl::StatusOr<CollectionInfo> CreateCollection(const CollectionSpec& spec) = 0;
  virtual absl::StatusOr<CollectionInfo> UpdateCollection(std::string_view name,
                                                          const CollectionUpdate& update) = 0;
  virtual absl::StatusOr<Operation> DeleteCollection(std::string_view name,
                                                     std::string_view if_match) = 0;

  // Gives a collection another encoder while it serves: an operation that makes the vectors of all
  // documents anew from their texts, in a second vector space, and then searches that one instead
  // (docs/architecture.md). FAILED_PRECONDITION: NO_TEXT, NO_ENCODER, REEMBEDDING (it is already).
  // RESOURCE_EXHAUSTED / MEMORY_BUDGET if both would not fit.
  virtual absl::StatusOr<Operation> ReembedCollection(std::string_view name,
                                                      const ReembedSpec& spec,
                                                      const Call& call) = 0;
  // After the cut-over: gives up the old space for good.
  virtual absl::StatusOr<CollectionInfo> CommitReembedding(std::string_view name,
                                                           std::string_view if_match) = 0;
  // Before it is committed: back to the old space, which is as if nothing had been begun.
  virtual absl::StatusOr<CollectionInfo> RollbackReembedding(std::string_view name,
                                                             std::string_view if_match) = 0;

  // In memory, quick. Lists by name.
  virtual absl::StatusOr<CollectionInfo> GetCollection(std::string_view name) const = 0;
  virtual std::vector<CollectionInfo> ListCollections(std::string_view after_name,
                                                      size_t limit) const = 0;

  // The collection, ready for work. NOT_FOUND; UNAVAILABLE / COLLECTION_LOADING with progress in
  // the metadata
  // ("done", "total"); DATA_LOSS if it could not be loaded; UNAVAILABLE / DRAINING.
  virtual absl::StatusOr<std::shared_ptr<Collection>> Find(std::string_view name) const = 0;

  virtual Encoders& encoders() = 0;
  // Models. These block: call them on executor(). A model is loaded from its folder in models_dir,
  // and stays until it is unloaded, or the server stops. NOT_FOUND / MODEL_NOT_FOUND,
  // ALREADY_EXISTS / MODEL_LOADED; how loading went the operation says. Unloading: from now on
  // nobody finds it, work under way ends, then its memory is given back. FAILED_PRECONDITION /
  // MODEL_IN_USE while collections are bound to it, and for the default one.
  virtual ModelList ListModels() const = 0;
  virtual absl::StatusOr<Operation> LoadModel(std::string_view name) = 0;
  virtual absl::StatusOr<Operation> UnloadModel(std::string_view name) = 0;

  virtual Operations& operations() = 0;
  // For calls that block: catalog changes, splitting texts.
  virtual Executor& executor() = 0;
  virtual const Limits& limits() const = 0;
  virtual ServerInfo Info() const = 0;

  // True once every collection is loaded or has failed to.
  virtual bool loaded() const = 0;
  // Calls `done` when loaded() has become true; at once if it is.
  virtual void WhenLoaded(std::function<void()> done) = 0;

  // From now on Find answers DRAINING; returns when all accepted work has ended, or at `deadline`.
  virtual void Drain(Call::Clock::time_point deadline) = 0;
};

// What a collection would take of this server. INVALID_ARGUMENT for a dimension or settings that
// are out of range.
absl::StatusOr<Estimate> EstimateCollection(const EstimateRequest& request, const Limits& limits,
                                            const ServerInfo& server);

// The passages that a text would be cut into: what SplitText answers. Blocks.
absl::StatusOr<std::vector<Passage>> SplitText(const encoder::Encoder& encoder,
                                               std::string_view text,
                                               const SplitterOptions& options,
                                               const Limits& limits);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_DATABASE_H_
