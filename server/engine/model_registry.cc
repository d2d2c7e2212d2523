#include "server/engine/model_registry.h"

#include <utility>

#include "fmt/format.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/splitting.h"
#include "server/engine/validate.h"
#include "storage/model_store.h"

namespace kith::engine {

EncoderRef ModelRegistry::FindBySpaceHash(std::string_view hash) const {
  for (const Entry& entry : entries_) {
    if (entry.encoder->info().space_hash == hash) return entry.encoder;
  }
  return nullptr;
}

EncoderRef ModelRegistry::Add(std::unique_ptr<const encoder::Encoder> encoder) {
  EncoderRef ref = std::move(encoder);
  // The weights, and the scratch memory that each worker will have.
  const uint64_t bytes =
      ref->info().memory_bytes + services_->threads * ref->NewRunState()->memory_bytes();
  entries_.push_back({ref, services_->memory.Take(bytes)});
  return ref;
}

absl::Status ModelRegistry::LoadDefault(const std::filesystem::path& model_dir) {
  if (model_dir.empty()) return absl::OkStatus();
  auto loaded = encoder::Encoder::Load(model_dir);
  if (!loaded.ok()) {
    return Error(loaded.status().code(), DetailsOf(loaded.status()).reason,
                 "the model in {} cannot be loaded: {}", model_dir.string(),
                 std::string(loaded.status().message()));
  }
  default_dir_ = model_dir;
  absl::MutexLock lock(&mu_);
  default_ = Add(*std::move(loaded));
  return absl::OkStatus();
}

absl::StatusOr<EncoderRef> ModelRegistry::Resolve(const VectorSpace& space,
                                                  const store::ModelRecord* record) {
  if (space.encoder.empty()) return EncoderRef();
  absl::MutexLock loading(&load_mu_);
  {
    absl::MutexLock lock(&mu_);
    if (EncoderRef found = FindBySpaceHash(space.space_hash)) return found;
  }
  const auto unavailable = [&](std::string_view why) {
    return Error(
               absl::StatusCode::kFailedPrecondition, reason::kEncoderUnavailable,
               "the encoder \"{}\" (fingerprint {}) that made this collection's vectors is not to "
               "be had: {}; start kithd with --model-dir naming it, or send vectors",
               space.encoder, space.space_hash, why)
        .With("encoder", space.encoder)
        .With("fingerprint", space.space_hash);
  };
  storage::ModelStore& models = services_->store->models();
  const auto path = models.Path(space.artifact_hash);
  if (!path.ok()) return unavailable(std::string(path.status().message()));
  if (record != nullptr) {
    const absl::Status whole = models.Verify(space.artifact_hash, *record, Call::Background());
    if (!whole.ok()) return unavailable(std::string(whole.message()));
  }
  auto loaded = encoder::Encoder::Load(*path, space.encoder);
  if (!loaded.ok()) return unavailable(std::string(loaded.status().message()));
  if ((*loaded)->info().space_hash != space.space_hash) {
    return unavailable(fmt::format("its copy in the data folder has fingerprint {}",
                                   (*loaded)->info().space_hash));
  }
  absl::MutexLock lock(&mu_);
  return Add(*std::move(loaded));
}

absl::StatusOr<store::ModelRecord> ModelRegistry::CopyIntoDataFolder(const EncoderRef& encoder) {
  const encoder::EncoderInfo& info = encoder->info();
  storage::ModelStore& models = services_->store->models();
  // Another encoder than the default one was loaded from its copy.
  std::filesystem::path source = default_dir_;
  if (encoder != default_) {
    KITH_ASSIGN_OR_RETURN(source, models.Path(info.artifact_hash));
  }
  KITH_ASSIGN_OR_RETURN(
      store::ModelRecord record,
      models.Import(source.string(), info.files, info.artifact_hash, Call::Background()));
  record.set_name(info.name);
  record.set_space_hash(info.space_hash);
  record.set_import_time_us(Now().micros);
  return record;
}

std::vector<EncoderRef> ModelRegistry::List() const {
  absl::MutexLock lock(&mu_);
  std::vector<EncoderRef> encoders;
  for (const Entry& entry : entries_) encoders.push_back(entry.encoder);
  return encoders;
}

std::string ModelRegistry::default_name() const {
  return default_ == nullptr ? "" : default_->info().name;
}

absl::StatusOr<EncoderRef> ModelRegistry::Find(std::string_view name) const {
  if (name.empty()) {
    if (default_ != nullptr) return default_;
    return Error(
        absl::StatusCode::kFailedPrecondition, reason::kNoEncoder,
        "the server runs without an encoder: start kithd with --model-dir, or send vectors");
  }
  absl::MutexLock lock(&mu_);
  for (const Entry& entry : entries_) {
    if (entry.encoder->info().name == name) return entry.encoder;
  }
  std::string names;
  for (const Entry& entry : entries_) names += " " + entry.encoder->info().name;
  return Error(absl::StatusCode::kNotFound, reason::kEncoderNotFound,
               "there is no encoder {}; this server has:{}", Quoted(name),
               names.empty() ? " none" : names)
      .With("encoder", name);
}

void ModelRegistry::Encode(EncoderRef encoder, const std::vector<std::string>& texts,
                           encoder::Role role, Truncation truncation,
                           std::shared_ptr<const Call> call, EncodeDone done) {
  const size_t most = services_->limits.encode_texts;
  if (texts.empty() || texts.size() > most) {
    return done(InvalidArgument(texts.empty() ? reason::kEmptyBatch : reason::kBatchTooLarge,
                                "texts: {} given, must be 1 to {}", texts.size(), most)
                    .Field("texts")
                    .With("limit", most));
  }
  auto out = std::make_shared<EncodedTexts>();
  std::vector<EncodeQueue::Sequence> sequences;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string field = fmt::format("texts[{}]", i);
    absl::Status valid = ValidateText(texts[i], services_->limits, field);
    encoder::EncodedInput input;
    if (valid.ok()) {
      input = encoder->Prepare(texts[i], role);
      if (input.truncated() && truncation == Truncation::kNever) {
        valid = TooManyTokens(input.tokens_before_truncation, encoder->info().max_tokens, field);
      }
    }
    if (!valid.ok()) return done(std::move(valid));
    out->token_counts.push_back(input.token_ids.size());
    out->truncated.push_back(input.truncated());
    sequences.push_back(std::move(input.token_ids));
  }
  absl::Status queued = services_->encodes.Submit(
      encoder, std::move(sequences), role, call,
      [out, done, ticket = services_->in_flight.Enter()](absl::StatusOr<std::vector<float>> rows) {
        if (!rows.ok()) return done(rows.status());
        out->embeddings = *std::move(rows);
        done(std::move(*out));
      });
  if (!queued.ok()) done(std::move(queued));
}

}  // namespace kith::engine
