#include "server/engine/database.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#include "index/kernels/kernels.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/collection_catalog.h"
#include "server/engine/draining.h"
#include "server/engine/machine.h"
#include "server/engine/model_registry.h"
#include "server/engine/operation_registry.h"
#include "server/engine/random_id.h"
#include "server/engine/services.h"
#include "server/engine/shard.h"
#include "storage/data_folder.h"
#include "storage/store.h"

namespace kith::engine {
namespace {

// Storage's caches and write buffers: an eighth of the budget, within these.
constexpr uint64_t kStoreBytesMin = 64 << 20;
constexpr uint64_t kStoreBytesMax = 1 << 30;
// Below this the server could not even start.
constexpr uint64_t kBudgetMin = 256 << 20;
// How often idle shards exchange their snapshots.
constexpr std::chrono::seconds kSnapshotAge{60};
// How often the files of all segments are read again and compared with their checksums.
constexpr std::chrono::hours kScrubAge{24};

class DatabaseImpl final : public Database {
 public:
  DatabaseImpl(const DatabaseOptions& options, std::unique_ptr<storage::Store> store,
               uint64_t budget, uint64_t store_bytes, int threads)
      : services_(options, std::move(store), budget, threads),
        store_memory_(services_.memory.Take(store_bytes)),
        operations_(&services_),
        models_(&services_, &operations_),
        catalog_(&services_, &models_, &operations_) {}

  ~DatabaseImpl() override {
    services_.BeginStop();
    operations_.CancelAll();
    for (const auto& collection : catalog_.Loaded()) collection->shard()->EndPause();
    services_.Stop();
  }

  absl::Status Start(const DatabaseOptions& options) {
    KITH_ASSIGN_OR_RETURN(storage::Catalog catalog, services_.store->LoadCatalog());
    format_version_ = storage::kFormatVersion;
    KITH_RETURN_IF_ERROR(
        models_.LoadAtStart(options.model_dir, options.models_dir, options.load_models));
    KITH_RETURN_IF_ERROR(operations_.Restore(catalog));
    KITH_RETURN_IF_ERROR(catalog_.Restore(std::move(catalog)));
    ScheduleHousekeeping();
    ScheduleScrub();
    return absl::OkStatus();
  }

  absl::StatusOr<CollectionInfo> CreateCollection(const CollectionSpec& spec) override {
    KITH_RETURN_IF_ERROR(CheckServing());
    return catalog_.Create(spec);
  }
  absl::StatusOr<CollectionInfo> UpdateCollection(std::string_view name,
                                                  const CollectionUpdate& update) override {
    KITH_RETURN_IF_ERROR(CheckServing());
    return catalog_.Update(name, update);
  }
  absl::StatusOr<Operation> DeleteCollection(std::string_view name,
                                             std::string_view if_match) override {
    KITH_RETURN_IF_ERROR(CheckServing());
    return catalog_.Delete(name, if_match);
  }
  absl::StatusOr<Operation> ReembedCollection(std::string_view name, const ReembedSpec& spec,
                                              const Call& call) override {
    KITH_RETURN_IF_ERROR(CheckServing());
    return catalog_.Reembed(name, spec, call);
  }
  absl::StatusOr<CollectionInfo> CommitReembedding(std::string_view name,
                                                   std::string_view if_match) override {
    KITH_RETURN_IF_ERROR(CheckServing());
    return catalog_.CommitReembedding(name, if_match);
  }
  absl::StatusOr<CollectionInfo> RollbackReembedding(std::string_view name,
                                                     std::string_view if_match) override {
    KITH_RETURN_IF_ERROR(CheckServing());
    return catalog_.RollbackReembedding(name, if_match);
  }
  absl::StatusOr<CollectionInfo> GetCollection(std::string_view name) const override {
    return catalog_.Get(name);
  }
  std::vector<CollectionInfo> ListCollections(std::string_view after_name,
                                              size_t limit) const override {
    return catalog_.List(after_name, limit);
  }
  absl::StatusOr<std::shared_ptr<Collection>> Find(std::string_view name) const override {
    KITH_RETURN_IF_ERROR(CheckServing());
    return catalog_.Find(name);
  }

  Encoders& encoders() override { return models_; }
  ModelList ListModels() const override { return catalog_.ListModels(); }
  absl::StatusOr<Operation> LoadModel(std::string_view name) override {
    KITH_RETURN_IF_ERROR(CheckServing());
    return models_.Load(name);
  }
  absl::StatusOr<Operation> UnloadModel(std::string_view name) override {
    KITH_RETURN_IF_ERROR(CheckServing());
    return catalog_.UnloadModel(name);
  }
  Operations& operations() override { return operations_; }
  Executor& executor() override { return services_.reads; }
  const Limits& limits() const override { return services_.limits; }
  bool loaded() const override { return catalog_.loading() == 0; }
  void WhenLoaded(std::function<void()> done) override { catalog_.WhenLoaded(std::move(done)); }

  ServerInfo Info() const override {
    const storage::Uuid& uuid = services_.store->uuid();
    ServerInfo info;
    info.data_folder_id = ToHex({reinterpret_cast<const char*>(uuid.data()), uuid.size()});
    info.format_version = format_version_;
    info.collections = static_cast<uint32_t>(catalog_.size());
    info.loading_collections = static_cast<uint32_t>(catalog_.loading());
    info.memory_budget_bytes = services_.memory.total();
    info.memory_used_bytes = services_.memory.used();
    info.index_kernels = index::BestKernels().name;
    const auto encoder = models_.Find("");
    info.encoder_kernels = encoder.ok() ? (*encoder)->info().kernels : "";
    info.default_encoder = models_.default_name();
    return info;
  }

  void Drain(Call::Clock::time_point deadline) override {
    draining_.store(true, std::memory_order_relaxed);
    operations_.EndWaits();
    for (const auto& collection : catalog_.Loaded()) collection->shard()->EndWaits();
    services_.in_flight.AwaitNone(deadline);
  }

 private:
  absl::Status CheckServing() const {
    if (!draining_.load(std::memory_order_relaxed)) return absl::OkStatus();
    return Draining();
  }

  void ScheduleHousekeeping() {
    services_.timer.After(kSnapshotAge, [this] {
      for (const auto& collection : catalog_.Loaded()) collection->shard()->RefreshSnapshot();
      ScheduleHousekeeping();
    });
  }

  void ScheduleScrub() {
    services_.timer.After(kScrubAge, [this] {
      for (const auto& collection : catalog_.Loaded()) collection->shard()->Scrub();
      ScheduleScrub();
    });
  }

  Services services_;
  const MemoryBudget::Reservation store_memory_;
  OperationRegistry operations_;
  ModelRegistry models_;
  CollectionCatalog catalog_;
  uint32_t format_version_ = 0;  // constant after Start
  // Relaxed: a flag, which publishes nothing but itself.
  std::atomic<bool> draining_{false};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(DatabaseOptions options) {
  const uint64_t budget =
      options.memory_budget_bytes != 0 ? options.memory_budget_bytes : MemoryBytes() / 10 * 8;
  if (budget < kBudgetMin) {
    return InvalidArgument(reason::kMemoryBudget,
                           "the memory budget is {} bytes, must be at least {}", budget, kBudgetMin)
        .Field("memory_budget");
  }
  const int threads = options.threads > 0 ? options.threads : ProcessorCount();
  const uint64_t store_bytes = std::clamp(budget / 8, kStoreBytesMin, kStoreBytesMax);
  storage::StoreOptions store_options;
  store_options.data_dir = options.data_dir.string();
  store_options.memory_bytes = store_bytes;
  KITH_ASSIGN_OR_RETURN(auto store, storage::Store::Open(store_options));
  auto database =
      std::make_unique<DatabaseImpl>(options, std::move(store), budget, store_bytes, threads);
  KITH_RETURN_IF_ERROR(database->Start(options));
  return database;
}

}  // namespace kith::engine
