// ModelRegistry: the encoders that this server has loaded. The default one comes from --model-dir;
// the others are those that collections were made with, from their copies in the data folder.
// Models of equal fingerprints are loaded once.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_MODEL_REGISTRY_H_
#define KITH_SERVER_ENGINE_MODEL_REGISTRY_H_

#include <filesystem>
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
#include "server/engine/services.h"

namespace kith::engine {

class ModelRegistry final : public Encoders {
 public:
  // `services` must outlive it.
  explicit ModelRegistry(const Services* services) : services_(services) {}

  // Loads the default encoder; an empty directory means none. Once, before anything else.
  absl::Status LoadDefault(const std::filesystem::path& model_dir);

  // The encoder that a collection is bound to: a loaded one of that fingerprint, or the copy in the
  // data folder. Null for a space without encoder. FAILED_PRECONDITION / ENCODER_UNAVAILABLE says
  // what is missing. May load for seconds.
  absl::StatusOr<EncoderRef> Resolve(const VectorSpace& space, const store::ModelRecord* record);

  // Copies the default encoder into the data folder, if it is not there yet; the record is for the
  // catalog.
  absl::StatusOr<store::ModelRecord> CopyIntoDataFolder(const EncoderRef& encoder);

  // Encoders.
  std::vector<EncoderRef> List() const override;
  std::string default_name() const override;
  absl::StatusOr<EncoderRef> Find(std::string_view name) const override;
  void Encode(EncoderRef encoder, const std::vector<std::string>& texts, encoder::Role role,
              Truncation truncation, std::shared_ptr<const Call> call, EncodeDone done) override;

 private:
  struct Entry {
    EncoderRef encoder;
    MemoryBudget::Reservation memory;
  };

  EncoderRef FindBySpaceHash(std::string_view hash) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  EncoderRef Add(std::unique_ptr<const encoder::Encoder> encoder)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after LoadDefault.
  const Services* const services_;
  std::filesystem::path default_dir_;
  EncoderRef default_;

  absl::Mutex load_mu_;  // one model loads at a time: two collections may want the same
  mutable absl::Mutex mu_ ABSL_ACQUIRED_AFTER(load_mu_);
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_MODEL_REGISTRY_H_
