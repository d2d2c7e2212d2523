// ModelRegistry: the models that this server has loaded. The default encoder comes from
// --model-dir; others are loaded from the folders of --models-dir when somebody asks; the rest are
// those that collections were made with, from their copies in the data folder. Models of equal
// fingerprints are loaded once. What a model takes is counted in the memory budget.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_MODEL_REGISTRY_H_
#define KITH_SERVER_ENGINE_MODEL_REGISTRY_H_

#include <filesystem>
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
#include "server/engine/encoders.h"
#include "server/engine/memory_budget.h"
#include "server/engine/operation_registry.h"
#include "server/engine/services.h"

namespace kith::engine {

class ModelRegistry final : public Encoders {
 public:
  // Both must outlive it, and Services::Stop must have returned before it is destroyed.
  ModelRegistry(const Services* services, OperationRegistry* operations)
      : services_(services), operations_(operations) {}

  // Loads the default encoder; an empty directory means none. Then the models `names` of
  // `models_dir`. Once, before anything else.
  absl::Status LoadAtStart(const std::filesystem::path& model_dir,
                           const std::filesystem::path& models_dir,
                           const std::vector<std::string>& names);

  // The encoder that a collection is bound to: a loaded one of that fingerprint, or the copy in the
  // data folder. Null for a space without encoder. FAILED_PRECONDITION / ENCODER_UNAVAILABLE says
  // what is missing. May load for seconds.
  absl::StatusOr<EncoderRef> Resolve(const VectorSpace& space, const store::ModelRecord* record);

  // Copies the encoder into the data folder, if it is not there yet; the record is for the catalog.
  absl::StatusOr<store::ModelRecord> CopyIntoDataFolder(const EncoderRef& encoder);

  // Begins to load a model from --models-dir. NOT_FOUND / MODEL_NOT_FOUND, ALREADY_EXISTS /
  // MODEL_LOADED; the operation that does it already, if one does. Blocks: storage is written.
  absl::StatusOr<Operation> Load(std::string_view name) ABSL_LOCKS_EXCLUDED(admin_mu_, mu_);
  // Takes a model out, and begins to wait for the last work that uses it. NOT_FOUND /
  // MODEL_NOT_FOUND, FAILED_PRECONDITION / MODEL_IN_USE for the default. Blocks: storage is
  // written. REQUIRES: no collection is bound to it, or is being bound.
  absl::StatusOr<Operation> Unload(std::string_view name) ABSL_LOCKS_EXCLUDED(admin_mu_, mu_);

  // NOT_FOUND / MODEL_NOT_FOUND.
  absl::StatusOr<LoadedModel> FindLoaded(std::string_view name) const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<LoadedModel> Loaded() const ABSL_LOCKS_EXCLUDED(mu_);
  // Folders of --models-dir that may hold models and are not loaded by these names, sorted. Reads
  // the directory.
  std::vector<std::string> Unloaded() const ABSL_LOCKS_EXCLUDED(mu_);
  // Whether a space is bound to this model.
  static bool Serves(const LoadedModel& model, const VectorSpace& space);

  // Encoders.
  std::string default_name() const override;
  absl::StatusOr<EncoderRef> Find(std::string_view name) const override;
  absl::StatusOr<CrossEncoderRef> FindCrossEncoder(std::string_view name) const override;
  void Encode(EncoderRef encoder, const std::vector<std::string>& texts, encoder::Role role,
              Truncation truncation, std::shared_ptr<const Call> call, EncodeDone done) override;
  void Rerank(RerankRequest request, std::shared_ptr<const Call> call, RerankDone done) override;
  QueryCache::Stats query_cache() const override { return services_->queries.stats(); }

 private:
  struct Entry {
    LoadedModel model = {};
    // Where its files lie; empty: in the data folder. Names given by clients are looked for first
    // among models that the operator put somewhere.
    std::filesystem::path source = {};
    MemoryBudget::Reservation memory = {};
  };

  // The weights, and the scratch memory that each worker will have.
  uint64_t BytesOf(const LoadedModel& model) const;
  EncoderRef FindSpace(const VectorSpace& space) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Null if there is none.
  const Entry* FindEntry(std::string_view name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Add(Entry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::string Names() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status NotFound(std::string_view name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::StatusOr<std::filesystem::path> FolderOf(std::string_view name) const;
  // Loads the model of a folder under the memory budget.
  absl::Status LoadFolder(const std::string& name, const std::filesystem::path& dir)
      ABSL_LOCKS_EXCLUDED(load_mu_, mu_);
  void RunLoad(const std::string& operation, const std::string& name,
               const std::filesystem::path& dir, const std::shared_ptr<const Call>& call);
  // Ends the operation once nobody has the weights any more; then the memory is given back.
  void AwaitUnused(const std::string& operation, std::weak_ptr<const void> weights,
                   std::shared_ptr<MemoryBudget::Reservation> memory);

  const Services* const services_;
  OperationRegistry* const operations_;
  // Constant after LoadAtStart.
  std::filesystem::path models_dir_;
  EncoderRef default_;

  absl::Mutex admin_mu_;                                // Load and Unload begin one at a time
  absl::Mutex load_mu_ ABSL_ACQUIRED_AFTER(admin_mu_);  // one model loads at a time: two
                                                        // collections may want the same
  mutable absl::Mutex mu_ ABSL_ACQUIRED_AFTER(load_mu_);
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mu_);  // the default first
  // The operations that load models, by the models' names.
  std::map<std::string, std::string, std::less<>> loading_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_MODEL_REGISTRY_H_
