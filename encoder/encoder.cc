#include "encoder/encoder.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "encoder/config.h"
#include "encoder/fingerprint.h"
#include "encoder/forward.h"
#include "encoder/invalid_model.h"
#include "encoder/safetensors.h"
#include "encoder/weights.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {

struct Encoder::Model {
  Config config;
  EncoderInfo info;
  std::unique_ptr<const Tokenizer> tokenizer;
  Weights weights;
  std::vector<DenseWeights> dense;  // as config.dense
  Arithmetic arithmetic;
  int overhead_tokens[2] = {0, 0};  // by Role
};

namespace {

constexpr int kSpecialTokens = 2;  // one before a sequence, one after it

absl::StatusOr<std::unique_ptr<const Tokenizer>> LoadTokenizer(const std::filesystem::path& dir,
                                                               const Config& config) {
  KITH_ASSIGN_OR_RETURN(std::unique_ptr<const Tokenizer> tokenizer,
                        Tokenizer::Load(dir, config.lower_case));
  if (tokenizer->vocab_size() > config.vocab_size) {
    return InvalidModel("the tokenizer has {} tokens, vocab_size in config.json is {}",
                        tokenizer->vocab_size(), config.vocab_size);
  }
  return tokenizer;
}

absl::StatusOr<int> OverheadOf(const std::string& prompt, const Tokenizer& tokenizer,
                               int max_tokens) {
  std::vector<Token> tokens;
  tokenizer.Tokenize(prompt, &tokens);
  const size_t overhead = tokens.size() + kSpecialTokens;
  if (overhead >= static_cast<size_t>(max_tokens)) {
    return InvalidModel("config_sentence_transformers.json: the prompt {} takes {} of {} tokens",
                        Quoted(prompt), overhead, max_tokens);
  }
  return static_cast<int>(overhead);
}

absl::StatusOr<std::vector<DenseWeights>> LoadDense(const std::filesystem::path& dir,
                                                    const Config& config,
                                                    const TensorVisitor& visit) {
  std::vector<DenseWeights> weights;
  for (const DenseConfig& dense : config.dense) {
    KITH_ASSIGN_OR_RETURN(const Safetensors file,
                          Safetensors::Open(dir / dense.path / "model.safetensors"));
    TensorReader reader(file, visit);
    KITH_ASSIGN_OR_RETURN(DenseWeights one,
                          reader.ReadDense("linear", dense.outputs, dense.inputs, dense.bias));
    weights.push_back(std::move(one));
  }
  return weights;
}

void Activate(DenseConfig::Activation activation, std::span<float> values) {
  for (float& value : values) {
    if (activation == DenseConfig::Activation::kTanh) value = std::tanh(value);
    if (activation == DenseConfig::Activation::kRelu) value = std::max(value, 0.0f);
  }
}

EncoderInfo Describe(const std::filesystem::path& dir, const Config& config,
                     const Weights& weights) {
  EncoderInfo info;
  info.name = DirectoryName(dir);
  info.architecture = config.architecture;
  info.dimension = info.full_dimension = config.dimension();
  info.max_tokens = config.max_tokens;
  info.num_layers = config.num_layers;
  info.num_heads = config.num_heads;
  info.intermediate_size = config.intermediate_size;
  info.vocab_size = config.vocab_size;
  info.pooling = config.pooling;
  info.normalised = config.normalise;
  info.has_modules = config.has_modules;
  info.query_prompt = config.query_prompt;
  info.passage_prompt = config.passage_prompt;
  info.parameters = weights.parameters;
  info.memory_bytes = weights.memory_bytes;
  return info;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Encoder>> Encoder::Load(const std::filesystem::path& dir,
                                                             std::string_view name,
                                                             const ArithmeticOptions& options) try {
  auto model = std::make_unique<Model>();
  KITH_ASSIGN_OR_RETURN(model->arithmetic, ChooseArithmetic(options));
  KITH_ASSIGN_OR_RETURN(model->config, LoadConfig(dir));
  const Config& config = model->config;
  const std::filesystem::path transformer = dir / config.transformer_path;
  KITH_ASSIGN_OR_RETURN(model->tokenizer, LoadTokenizer(transformer, config));
  for (const auto& [role, prompt] :
       {std::pair(Role::kQuery, &config.query_prompt), {Role::kPassage, &config.passage_prompt}}) {
    KITH_ASSIGN_OR_RETURN(model->overhead_tokens[static_cast<int>(role)],
                          OverheadOf(*prompt, *model->tokenizer, config.max_tokens));
  }

  Hasher space;
  KITH_RETURN_IF_ERROR(AddConfigAndTokenizer(dir, config, &space));
  KITH_ASSIGN_OR_RETURN(const Safetensors file,
                        Safetensors::Open(transformer / "model.safetensors"));
  const TensorVisitor visit = [&](std::string_view name, std::span<const uint64_t> shape,
                                  std::span<const float> numbers) {
    space.Add(name);
    space.Add(uint64_t{shape.size()});
    for (const uint64_t extent : shape) space.Add(extent);
    space.Add(numbers);
  };
  KITH_ASSIGN_OR_RETURN(model->weights, LoadWeights(config, file, model->arithmetic, visit));
  KITH_ASSIGN_OR_RETURN(model->dense, LoadDense(dir, config, visit));

  model->info = Describe(dir, config, model->weights);
  for (const DenseWeights& dense : model->dense) {
    const size_t numbers = dense.weight.size() + dense.bias.size();
    model->info.parameters += numbers;
    model->info.memory_bytes += numbers * sizeof(float);
  }
  if (!name.empty()) model->info.name = name;
  model->info.kernels = model->arithmetic.kernels->name;
  model->info.precision = PrecisionName(model->arithmetic.precision);
  model->info.files = ModelFiles(dir, config);
  model->info.space_hash = space.Hex();
  KITH_ASSIGN_OR_RETURN(model->info.artifact_hash, ArtifactHash(dir, model->info.files));
  EncoderInfo info = model->info;
  return std::unique_ptr<const Encoder>(new Encoder(std::move(model), std::move(info)));
} catch (const std::bad_alloc&) {
  return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
               "no memory to load the model {}", dir.string());
} catch (const std::filesystem::filesystem_error& error) {
  return InvalidModel("{}", error.what());
}

absl::StatusOr<std::unique_ptr<const Encoder>> Encoder::Truncated(int dimensions) const {
  EncoderInfo info = model_->info;
  if (dimensions < 1 || dimensions > info.full_dimension) {
    return InvalidArgument(reason::kDimensionMismatch,
                           "{} dimensions asked for, the encoder \"{}\" makes embeddings of {}",
                           dimensions, info.name, info.full_dimension)
        .With("limit", info.full_dimension);
  }
  if (dimensions < info.full_dimension) {
    info.dimension = dimensions;
    info.space_hash = TruncatedSpaceHash(info.space_hash, dimensions);
  }
  return std::unique_ptr<const Encoder>(new Encoder(model_, std::move(info)));
}

Encoder::Encoder(std::shared_ptr<const Model> model, EncoderInfo info)
    : model_(std::move(model)), info_(std::move(info)) {}
Encoder::~Encoder() = default;

const Tokenizer& Encoder::tokenizer() const { return *model_->tokenizer; }

const std::string& Encoder::Prompt(Role role) const {
  return role == Role::kQuery ? model_->config.query_prompt : model_->config.passage_prompt;
}

int Encoder::OverheadTokens(Role role) const {
  return model_->overhead_tokens[static_cast<int>(role)];
}

EncodedInput Encoder::Prepare(std::string_view text, Role role) const {
  const Tokenizer& tokenizer = *model_->tokenizer;
  std::vector<Token> tokens;
  if (const std::string& prompt = Prompt(role); prompt.empty()) {
    tokenizer.Tokenize(text, &tokens);
  } else {
    tokenizer.Tokenize(prompt + std::string(text), &tokens);
  }
  const size_t room = static_cast<size_t>(model_->config.max_tokens) - kSpecialTokens;
  const size_t kept = std::min(tokens.size(), room);
  EncodedInput input;
  input.tokens_before_truncation = static_cast<int>(tokens.size()) + kSpecialTokens;
  input.token_ids.reserve(kept + kSpecialTokens);
  input.token_ids.push_back(tokenizer.special().cls);
  for (size_t i = 0; i < kept; ++i) input.token_ids.push_back(tokens[i].id);
  input.token_ids.push_back(tokenizer.special().sep);
  return input;
}

std::unique_ptr<RunState> Encoder::NewRunState() const {
  return std::make_unique<RunState>(model_->config);
}

absl::Status Encoder::CheckSequences(Sequences sequences) const {
  const Config& config = model_->config;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const size_t count = sequences[i].size();
    if (count < 1 || count > static_cast<size_t>(config.max_tokens)) {
      return InvalidArgument(reason::kTooManyTokens,
                             "sequence {} has {} tokens, the encoder {} takes 1..{}", i, count,
                             model_->info.name, config.max_tokens);
    }
    for (const int32_t id : sequences[i]) {
      if (id < 0 || id >= config.vocab_size) {
        return InvalidArgument(reason::kInvalidRequest, "sequence {}: token id {} is not in 0..{}",
                               i, id, config.vocab_size - 1);
      }
    }
  }
  return absl::OkStatus();
}

// From the last hidden states of one sequence to its embedding.
void Encoder::Embed(const float* hidden, int tokens, float* out) const {
  const Config& config = model_->config;
  if (config.dense.empty() && info_.dimension == config.hidden_size) {
    Pool(config.pooling, hidden, tokens, config.hidden_size, out);
  } else {
    std::vector<float> from(static_cast<size_t>(config.hidden_size)), to;
    Pool(config.pooling, hidden, tokens, config.hidden_size, from.data());
    for (size_t i = 0; i < config.dense.size(); ++i) {
      to.resize(static_cast<size_t>(config.dense[i].outputs));
      model_->dense[i].Apply(from.data(), to.data());
      Activate(config.dense[i].activation, to);
      from.swap(to);
    }
    std::copy_n(from.begin(), info_.dimension, out);
  }
  if (config.normalise) Normalise(out, info_.dimension);
}

absl::Status Encoder::Forward(Sequences sequences, RunState* state, float* out,
                              const Call& call) const {
  KITH_RETURN_IF_ERROR(CheckSequences(sequences));
  const Config& config = model_->config;
  while (!sequences.empty()) {
    // As many whole sequences as fit a chunk, but at least one.
    size_t taken = 0, tokens = 0;
    while (taken < sequences.size() &&
           (taken == 0 || tokens + sequences[taken].size() <= kChunkTokens)) {
      tokens += sequences[taken++].size();
    }
    const Sequences chunk = sequences.first(taken);
    KITH_RETURN_IF_ERROR(ForwardChunk(config, model_->weights, *model_->arithmetic.kernels, chunk,
                                      /*second=*/{}, state, call));
    const float* hidden = state->hidden.data();
    for (const auto& sequence : chunk) {
      Embed(hidden, static_cast<int>(sequence.size()), out);
      // Finite weights can still be too large for what is computed from them.
      if (!std::all_of(out, out + info_.dimension, [](float x) { return std::isfinite(x); })) {
        return InvalidModel("the encoder {} computes numbers that are not finite",
                            model_->info.name);
      }
      hidden += sequence.size() * config.hidden_size;
      out += info_.dimension;
    }
    sequences = sequences.subspan(taken);
  }
  return absl::OkStatus();
}

}  // namespace kith::encoder
