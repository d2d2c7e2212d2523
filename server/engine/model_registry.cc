#include "server/engine/model_registry.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "encoder/fingerprint.h"
#include "encoder/model_size.h"
#include "fmt/format.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/judging.h"
#include "server/engine/records.h"
#include "server/engine/splitting.h"
#include "server/engine/validate.h"
#include "storage/commit_batch.h"
#include "storage/model_store.h"

namespace kith::engine {
namespace {

constexpr std::chrono::milliseconds kUserPoll{50};
// Names that a listing of --models-dir gives at most.
constexpr size_t kUnloadedMax = 1000;
// Operations on models belong to no collection: collections are numbered from 1.
constexpr uint32_t kNoCollection = 0;

// The encoder of a space that is bound to (perhaps the first values of) what `encoder` makes; null
// if it is another's.
absl::StatusOr<EncoderRef> AsSpace(const EncoderRef& encoder, const VectorSpace& space) {
  EncoderRef ref = encoder;
  if (space.encoder_dimensions != 0) {
    KITH_ASSIGN_OR_RETURN(ref, encoder->Truncated(static_cast<int>(space.encoder_dimensions)));
  }
  if (ref->info().space_hash != space.space_hash) return EncoderRef();
  return ref;
}

// A folder that a loader could be shown.
bool MayHoldModel(const std::filesystem::path& dir) {
  std::error_code ignored;
  return std::filesystem::exists(dir / "config.json", ignored) ||
         std::filesystem::exists(dir / "modules.json", ignored);
}

std::shared_ptr<const void> WeightsOf(const LoadedModel& model) {
  if (model.encoder != nullptr) return model.encoder->weights();
  return model.cross_encoder;
}

}  // namespace

// --- Who is there

uint64_t ModelRegistry::BytesOf(const LoadedModel& model) const {
  const auto threads = static_cast<uint64_t>(services_->threads);
  if (model.encoder != nullptr) {
    return model.encoder->info().memory_bytes +
           threads * model.encoder->NewRunState()->memory_bytes();
  }
  return model.cross_encoder->info().memory_bytes +
         threads * model.cross_encoder->NewRunState()->memory_bytes();
}

EncoderRef ModelRegistry::FindSpace(const VectorSpace& space) const {
  for (const Entry& entry : entries_) {
    const EncoderRef& encoder = entry.model.encoder;
    // Of equal space hashes the query prompts may differ: the collection keeps the one it has.
    if (encoder == nullptr || encoder->info().query_prompt != space.query_prompt) continue;
    if (auto found = AsSpace(encoder, space); found.ok() && *found != nullptr) return *found;
  }
  return nullptr;
}

bool ModelRegistry::Serves(const LoadedModel& model, const VectorSpace& space) {
  if (space.encoder.empty() || model.encoder == nullptr) return false;
  if (space.artifact_hash == model.artifact_hash()) return true;
  const auto found = AsSpace(model.encoder, space);
  return found.ok() && *found != nullptr;
}

const ModelRegistry::Entry* ModelRegistry::FindEntry(std::string_view name) const {
  const Entry* copy = nullptr;
  for (const Entry& entry : entries_) {
    if (entry.model.name() != name) continue;
    if (!entry.source.empty()) return &entry;
    if (copy == nullptr) copy = &entry;
  }
  return copy;
}

std::string ModelRegistry::Names() const {
  std::string names;
  for (const Entry& entry : entries_) names += " " + entry.model.name();
  return names.empty() ? " none" : names;
}

absl::Status ModelRegistry::NotFound(std::string_view name) const {
  return Error(absl::StatusCode::kNotFound, reason::kModelNotFound,
               "the model {} is not loaded; this server has:{}", Quoted(name), Names())
      .With("model", name);
}

absl::StatusOr<LoadedModel> ModelRegistry::FindLoaded(std::string_view name) const {
  absl::MutexLock lock(&mu_);
  const Entry* entry = FindEntry(name);
  if (entry == nullptr) return NotFound(name);
  return entry->model;
}

std::vector<LoadedModel> ModelRegistry::Loaded() const {
  absl::MutexLock lock(&mu_);
  std::vector<LoadedModel> models;
  for (const Entry& entry : entries_) models.push_back(entry.model);
  return models;
}

std::vector<std::string> ModelRegistry::Unloaded() const {
  std::vector<std::string> names;
  if (models_dir_.empty()) return names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(models_dir_, error), end; !error && it != end;
       it.increment(error)) {
    std::string name = it->path().filename().string();
    if (!ValidateModelName(name).ok() || !MayHoldModel(it->path())) continue;
    absl::MutexLock lock(&mu_);
    const Entry* entry = FindEntry(name);
    if (entry == nullptr || entry->source.empty()) names.push_back(std::move(name));
    if (names.size() == kUnloadedMax) break;
  }
  std::sort(names.begin(), names.end());
  return names;
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
  const Entry* entry = FindEntry(name);
  if (entry == nullptr) {
    return Error(absl::StatusCode::kNotFound, reason::kEncoderNotFound,
                 "there is no encoder {}; this server has:{}", Quoted(name), Names())
        .With("encoder", name);
  }
  if (entry->model.encoder == nullptr) {
    return InvalidArgument(reason::kModelKind,
                           "the model {} is a cross-encoder: it judges texts, it makes no "
                           "embeddings",
                           Quoted(name))
        .With("model", name);
  }
  return entry->model.encoder;
}

absl::StatusOr<EncoderRef> Encoders::FindTruncated(std::string_view name, uint32_t dimensions,
                                                   std::string_view field) const {
  KITH_ASSIGN_OR_RETURN(EncoderRef encoder, Find(name));
  if (dimensions == 0) return encoder;
  // Numbers that no model has are refused as such by Truncated.
  auto truncated = encoder->Truncated(static_cast<int>(std::min<uint32_t>(dimensions, INT32_MAX)));
  if (!truncated.ok()) return InField(std::move(truncated).status(), field);
  return *std::move(truncated);
}

absl::StatusOr<CrossEncoderRef> ModelRegistry::FindCrossEncoder(std::string_view name) const {
  absl::MutexLock lock(&mu_);
  if (!name.empty()) {
    const Entry* entry = FindEntry(name);
    if (entry == nullptr) return NotFound(name);
    if (entry->model.cross_encoder != nullptr) return entry->model.cross_encoder;
    return InvalidArgument(reason::kModelKind,
                           "the model {} is an encoder: reranking takes a cross-encoder",
                           Quoted(name))
        .With("model", name);
  }
  CrossEncoderRef only;
  for (const Entry& entry : entries_) {
    if (entry.model.cross_encoder == nullptr) continue;
    if (only != nullptr) {
      return InvalidArgument(reason::kInvalidRequest,
                             "model: several cross-encoders are loaded, name one; there are:{}",
                             Names());
    }
    only = entry.model.cross_encoder;
  }
  if (only != nullptr) return only;
  return Error(absl::StatusCode::kFailedPrecondition, reason::kNoCrossEncoder,
               "no cross-encoder is loaded: load one (AdminService.LoadModel, `kith models load`)");
}

// --- At the start, and for collections

void ModelRegistry::Add(Entry entry) {
  const uint64_t bytes = BytesOf(entry.model);
  if (entry.memory.bytes() == 0) entry.memory = services_->memory.Take(bytes);
  entry.memory.Resize(bytes);
  entry.model.memory_bytes = bytes;
  const std::string kernels = entry.model.encoder != nullptr
                                  ? entry.model.encoder->info().kernels
                                  : entry.model.cross_encoder->info().kernels;
  services_->Report(Event::Level::kInfo, fmt::format("model {} is loaded: {} bytes, kernels {}",
                                                     entry.model.name(), bytes, kernels));
  entries_.push_back(std::move(entry));
}

absl::Status ModelRegistry::LoadAtStart(const std::filesystem::path& model_dir,
                                        const std::filesystem::path& models_dir,
                                        const std::vector<std::string>& names) {
  if (!model_dir.empty()) {
    auto loaded = encoder::Encoder::Load(model_dir);
    if (!loaded.ok()) {
      return Error(loaded.status().code(), DetailsOf(loaded.status()).reason,
                   "the model in {} cannot be loaded: {}", model_dir.string(),
                   std::string(loaded.status().message()));
    }
    default_ = *std::move(loaded);
    absl::MutexLock lock(&mu_);
    Add({.model = {.encoder = default_, .is_default = true}, .source = model_dir});
  }
  models_dir_ = models_dir;
  for (const std::string& name : names) {
    KITH_RETURN_IF_ERROR(ValidateModelName(name));
    {
      absl::MutexLock lock(&mu_);
      if (FindEntry(name) != nullptr) continue;
    }
    KITH_ASSIGN_OR_RETURN(const std::filesystem::path dir, FolderOf(name));
    if (absl::Status status = LoadFolder(name, dir); !status.ok()) {
      return Error(status.code(), DetailsOf(status).reason, "the model {} cannot be loaded: {}",
                   name, std::string(status.message()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<EncoderRef> ModelRegistry::Resolve(const VectorSpace& space,
                                                  const store::ModelRecord* record) {
  if (space.encoder.empty()) return EncoderRef();
  absl::MutexLock loading(&load_mu_);
  {
    absl::MutexLock lock(&mu_);
    if (EncoderRef found = FindSpace(space)) return found;
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
  const EncoderRef whole = *std::move(loaded);
  const absl::StatusOr<EncoderRef> bound = AsSpace(whole, space);
  if (!bound.ok() || *bound == nullptr) {
    return unavailable(
        fmt::format("its copy in the data folder has fingerprint {}", whole->info().space_hash));
  }
  absl::MutexLock lock(&mu_);
  Add({.model = {.encoder = whole}});
  return bound;
}

absl::StatusOr<store::ModelRecord> ModelRegistry::CopyIntoDataFolder(const EncoderRef& encoder) {
  const encoder::EncoderInfo& info = encoder->info();
  storage::ModelStore& models = services_->store->models();
  std::filesystem::path source;
  std::string space_hash;  // of the whole model
  {
    absl::MutexLock lock(&mu_);
    for (const Entry& entry : entries_) {
      if (entry.model.encoder == nullptr || entry.model.artifact_hash() != info.artifact_hash) {
        continue;
      }
      source = entry.source;
      space_hash = entry.model.encoder->info().space_hash;
    }
  }
  const bool copied = source.empty();  // it was loaded from its copy
  if (copied) {
    KITH_ASSIGN_OR_RETURN(source, models.Path(info.artifact_hash));
  }
  KITH_ASSIGN_OR_RETURN(
      store::ModelRecord record,
      models.Import(source.string(), info.files, info.artifact_hash, Call::Background()));
  if (!copied) {
    // The folder may have been changed since the model was loaded from it.
    KITH_ASSIGN_OR_RETURN(const std::string path, models.Path(info.artifact_hash));
    KITH_ASSIGN_OR_RETURN(const std::string hash, encoder::ArtifactHash(path, info.files));
    if (hash != info.artifact_hash) {
      KITH_RETURN_IF_ERROR(models.Remove(info.artifact_hash));
      return Error(absl::StatusCode::kFailedPrecondition, reason::kInvalidModel,
                   "the files of the model \"{}\" were changed after it was loaded: unload it and "
                   "load it again",
                   info.name)
          .With("model", info.name);
    }
  }
  record.set_name(info.name);
  record.set_space_hash(space_hash);
  record.set_import_time_us(Now().micros);
  return record;
}

// --- Loading and unloading

absl::StatusOr<std::filesystem::path> ModelRegistry::FolderOf(std::string_view name) const {
  std::filesystem::path dir = models_dir_ / name;
  if (!models_dir_.empty() && MayHoldModel(dir)) return dir;
  std::string there;
  for (const std::string& other : Unloaded()) there += " " + other;
  return Error(absl::StatusCode::kNotFound, reason::kModelNotFound, "there is no model {}: {}",
               Quoted(name),
               models_dir_.empty() ? "kithd runs without --models-dir"
                                   : "its --models-dir has" + (there.empty() ? " none" : there))
      .Field("name")
      .With("model", name);
}

absl::StatusOr<Operation> ModelRegistry::Load(std::string_view name) {
  KITH_RETURN_IF_ERROR(ValidateModelName(name));
  absl::MutexLock admin(&admin_mu_);
  {
    absl::MutexLock lock(&mu_);
    const Entry* entry = FindEntry(name);
    if (entry != nullptr && !entry->source.empty()) {
      return Error(absl::StatusCode::kAlreadyExists, reason::kModelLoaded,
                   "the model \"{}\" is loaded; unload it to load it anew", name)
          .Field("name")
          .With("model", name);
    }
    if (const auto running = loading_.find(name); running != loading_.end()) {
      return operations_->Get(running->second);
    }
  }
  KITH_ASSIGN_OR_RETURN(const std::filesystem::path dir, FolderOf(name));
  const Operation operation = operations_->New(OperationKind::kLoadModel, std::string(name));
  storage::CommitBatch batch(*services_->store);
  batch.PutOperation(operation.id, OperationRecordOf(operation, kNoCollection));
  KITH_RETURN_IF_ERROR(services_->store->Commit(batch, storage::Durability::kSynced));
  const std::shared_ptr<const Call> call = operations_->Add(operation, kNoCollection);
  {
    absl::MutexLock lock(&mu_);
    loading_.emplace(name, operation.id);
  }
  services_->background.Post([this, id = operation.id, name = std::string(name), dir, call] {
    RunLoad(id, name, dir, call);
  });
  return operation;
}

void ModelRegistry::RunLoad(const std::string& operation, const std::string& name,
                            const std::filesystem::path& dir,
                            const std::shared_ptr<const Call>& call) {
  operations_->SetPhase(operation, "loading");
  absl::Status status = call->Check();
  if (status.ok()) status = LoadFolder(name, dir);
  {
    absl::MutexLock lock(&mu_);
    loading_.erase(name);
  }
  if (!status.ok()) {
    services_->Report(Event::Level::kWarning, fmt::format("the model {} was not loaded: {}", name,
                                                          std::string(status.message())));
  }
  storage::CommitBatch batch(*services_->store);
  operations_->End(operation, status, &batch);
}

absl::Status ModelRegistry::LoadFolder(const std::string& name, const std::filesystem::path& dir) {
  absl::MutexLock loading(&load_mu_);
  KITH_ASSIGN_OR_RETURN(const uint64_t estimate, encoder::EstimateModelBytes(dir));
  Entry entry{.source = dir};
  KITH_ASSIGN_OR_RETURN(entry.memory, services_->memory.ReserveForModel(estimate));
  if (encoder::CrossEncoder::IsOne(dir)) {
    KITH_ASSIGN_OR_RETURN(entry.model.cross_encoder, encoder::CrossEncoder::Load(dir, name));
  } else {
    KITH_ASSIGN_OR_RETURN(entry.model.encoder, encoder::Encoder::Load(dir, name));
  }
  const uint64_t bytes = BytesOf(entry.model);
  if (bytes > estimate) {
    // Add counts what this only asks for.
    KITH_RETURN_IF_ERROR(services_->memory.ReserveForModel(bytes - estimate).status());
  }
  absl::MutexLock lock(&mu_);
  for (Entry& other : entries_) {
    // A collection's copy of the same model.
    if (other.source.empty() && other.model.name() == name &&
        other.model.artifact_hash() == entry.model.artifact_hash()) {
      other.source = dir;
      return absl::OkStatus();
    }
  }
  Add(std::move(entry));
  return absl::OkStatus();
}

absl::StatusOr<Operation> ModelRegistry::Unload(std::string_view name) {
  absl::MutexLock admin(&admin_mu_);
  KITH_ASSIGN_OR_RETURN(const LoadedModel model, FindLoaded(name));
  if (model.is_default) {
    return Error(absl::StatusCode::kFailedPrecondition, reason::kModelInUse,
                 "the model \"{}\" is the default encoder of this server", name)
        .Field("name")
        .With("model", name);
  }
  const Operation operation = operations_->New(OperationKind::kUnloadModel, std::string(name));
  storage::CommitBatch batch(*services_->store);
  batch.PutOperation(operation.id, OperationRecordOf(operation, kNoCollection));
  KITH_RETURN_IF_ERROR(services_->store->Commit(batch, storage::Durability::kSynced));
  operations_->Add(operation, kNoCollection);
  const std::weak_ptr<const void> weights = WeightsOf(model);
  auto memory = std::make_shared<MemoryBudget::Reservation>();
  {
    absl::MutexLock lock(&mu_);
    const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& other) {
      return WeightsOf(other.model) == weights.lock();
    });
    *memory = std::move(entry->memory);
    entries_.erase(entry);
  }
  operations_->SetPhase(operation.id, "waiting for work under way");
  services_->timer.After(std::chrono::milliseconds(0), [this, id = operation.id, weights, memory] {
    AwaitUnused(id, weights, memory);
  });
  return operation;
}

void ModelRegistry::AwaitUnused(const std::string& operation, std::weak_ptr<const void> weights,
                                std::shared_ptr<MemoryBudget::Reservation> memory) {
  services_->encodes.Forget();
  if (!weights.expired()) {
    services_->timer.After(kUserPoll, [=, this] { AwaitUnused(operation, weights, memory); });
    return;
  }
  memory->Resize(0);
  services_->background.Post([=, this] {
    storage::CommitBatch batch(*services_->store);
    operations_->End(operation, absl::OkStatus(), &batch);
  });
}

// --- Running them

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
    absl::Status valid = call->Check();
    if (valid.ok()) valid = ValidateText(texts[i], services_->limits, field);
    encoder::EncodedInput input;
    if (valid.ok()) {
      input = encoder->Prepare(texts[i], role);
      if (input.truncated() && truncation == Truncation::kNever) {
        valid = TooManyTokens(input.tokens_before_truncation, encoder->info().max_tokens, field);
      }
    }
    if (!valid.ok()) return done(std::move(valid));
    const auto tokens = static_cast<uint32_t>(input.token_ids.size());
    out->token_counts.push_back(tokens);
    out->dropped_counts.push_back(static_cast<uint32_t>(input.tokens_before_truncation) - tokens);
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

void ModelRegistry::Rerank(RerankRequest request, std::shared_ptr<const Call> call,
                           RerankDone done) {
  const Limits& limits = services_->limits;
  const size_t count = request.texts.size();
  if (count == 0 || count > limits.rerank_texts) {
    return done(InvalidArgument(count == 0 ? reason::kEmptyBatch : reason::kBatchTooLarge,
                                "texts: {} given, must be 1 to {}", count, limits.rerank_texts)
                    .Field("texts")
                    .With("limit", limits.rerank_texts));
  }
  if (request.limit < 0) {
    return done(InvalidArgument(reason::kLimitOutOfRange, "limit: {} given, must be at least 0",
                                request.limit)
                    .Field("limit"));
  }
  if (absl::Status valid = ValidateText(request.query, limits, "query"); !valid.ok()) {
    return done(std::move(valid));
  }
  for (size_t i = 0; i < count; ++i) {
    absl::Status valid = ValidateText(request.texts[i], limits, fmt::format("texts[{}]", i));
    if (!valid.ok()) return done(std::move(valid));
  }
  const size_t wanted =
      request.limit == 0 ? count : std::min(count, static_cast<size_t>(request.limit));
  Judge(
      *services_,
      {std::move(request.model), std::move(request.query), std::move(request.texts),
       request.raw_scores, request.truncation},
      call,
      [done, wanted,
       ticket = services_->in_flight.Enter()](absl::StatusOr<std::vector<Judgement>> judged) {
        if (!judged.ok()) return done(judged.status());
        RerankAnswer answer;
        for (size_t i = 0; i < judged->size(); ++i) {
          const Judgement& text = (*judged)[i];
          answer.tokens += text.tokens;
          answer.dropped += text.dropped;
          answer.texts.push_back({static_cast<uint32_t>(i), text.score, text.tokens, text.dropped});
        }
        std::stable_sort(answer.texts.begin(), answer.texts.end(),
                         [](const auto& a, const auto& b) { return a.score > b.score; });
        answer.texts.resize(wanted);
        done(std::move(answer));
      });
}

}  // namespace kith::engine
