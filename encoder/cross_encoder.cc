#include "encoder/cross_encoder.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <optional>
#include <utility>

#include "encoder/config.h"
#include "encoder/fingerprint.h"
#include "encoder/forward.h"
#include "encoder/invalid_model.h"
#include "encoder/json_file.h"
#include "encoder/safetensors.h"
#include "encoder/weights.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {

struct CrossEncoder::Model {
  Config config;
  CrossEncoderInfo info;
  std::unique_ptr<const Tokenizer> tokenizer;
  Weights weights;
  // The head: out(tanh(dense(hidden state of the first token))).
  DenseWeights dense;
  DenseWeights out;
  Arithmetic arithmetic;
};

namespace {

// What an architecture calls the parts of its head.
struct Head {
  std::string_view architecture;
  const char* dense;
  const char* out;
};

constexpr Head kHeads[] = {
    {"BertForSequenceClassification", "bert.pooler.dense", "classifier"},
    {"RobertaForSequenceClassification", "classifier.dense", "classifier.out_proj"},
    {"XLMRobertaForSequenceClassification", "classifier.dense", "classifier.out_proj"},
};

absl::StatusOr<const Head*> FindHead(const JsonFile& json) {
  const auto names = json.root().find("architectures");
  std::string found = "(absent)";
  if (names != json.root().end() && names->is_array() && names->size() == 1 &&
      names->front().is_string()) {
    found = names->front().get<std::string>();
    for (const Head& head : kHeads) {
      if (found == head.architecture) return &head;
    }
  }
  return InvalidModel(
      "{}: the architecture {} is no cross-encoder that is supported; "
      "BertForSequenceClassification, RobertaForSequenceClassification and "
      "XLMRobertaForSequenceClassification are",
      json.name(), found);
}

absl::Status RequireOneLabel(const JsonFile& json) {
  KITH_ASSIGN_OR_RETURN(const std::optional<int> count, json.OptionalInt("num_labels", 0, 1 << 20));
  int labels = count.value_or(2);  // Hugging Face's default
  const auto names = json.root().find("id2label");
  if (names != json.root().end() && names->is_object()) labels = static_cast<int>(names->size());
  if (labels == 1) return absl::OkStatus();
  return InvalidModel("{}: the model has {} labels; a cross-encoder with one is supported",
                      json.name(), labels);
}

}  // namespace

float RelevanceOf(float logit) {
  return static_cast<float>(1 / (1 + std::exp(-static_cast<double>(logit))));
}

bool CrossEncoder::IsOne(const std::filesystem::path& dir) {
  const auto json = JsonFile::Read(dir, "config.json");
  if (!json.ok()) return false;
  const auto names = json->root().find("architectures");
  return names != json->root().end() && names->is_array() && names->size() == 1 &&
         names->front().is_string() &&
         names->front().get<std::string>().ends_with("ForSequenceClassification");
}

absl::StatusOr<std::unique_ptr<const CrossEncoder>> CrossEncoder::Load(
    const std::filesystem::path& dir, std::string_view name,
    const ArithmeticOptions& options) try {
  auto model = std::make_unique<Model>();
  KITH_ASSIGN_OR_RETURN(model->arithmetic, ChooseArithmetic(options));
  KITH_ASSIGN_OR_RETURN(const JsonFile json, JsonFile::Read(dir, "config.json"));
  KITH_ASSIGN_OR_RETURN(const Head* head, FindHead(json));
  KITH_RETURN_IF_ERROR(RequireOneLabel(json));
  KITH_ASSIGN_OR_RETURN(model->config, LoadConfig(dir));
  const Config& config = model->config;
  KITH_ASSIGN_OR_RETURN(model->tokenizer, Tokenizer::Load(dir, config.lower_case));
  const SpecialTokens& special = model->tokenizer->special();
  if (special.pair_separators == 0 ||
      special.second_segment >= std::max(1, config.type_vocab_size)) {
    return InvalidModel(
        "{}: how its tokenizer puts two texts together is not supported; cls A sep B sep is, with "
        "one sep in the middle or two",
        dir.string());
  }
  if (model->tokenizer->vocab_size() > config.vocab_size) {
    return InvalidModel("the tokenizer has {} tokens, vocab_size in config.json is {}",
                        model->tokenizer->vocab_size(), config.vocab_size);
  }
  KITH_ASSIGN_OR_RETURN(const Safetensors file, Safetensors::Open(dir / "model.safetensors"));
  const TensorVisitor ignore = [](auto, auto, auto) {};
  KITH_ASSIGN_OR_RETURN(model->weights, LoadWeights(config, file, model->arithmetic, ignore));
  TensorReader reader(file, ignore);
  KITH_ASSIGN_OR_RETURN(model->dense, reader.ReadDense(head->dense, config.hidden_size,
                                                       config.hidden_size, /*has_bias=*/true));
  KITH_ASSIGN_OR_RETURN(model->out,
                        reader.ReadDense(head->out, 1, config.hidden_size, /*has_bias=*/true));
  CrossEncoderInfo& info = model->info;
  info.name = name.empty() ? DirectoryName(dir) : std::string(name);
  info.architecture = config.architecture;
  info.precision = PrecisionName(model->arithmetic.precision);
  info.kernels = model->arithmetic.kernels->name;
  info.max_tokens = config.max_tokens;
  const size_t in_head = model->dense.weight.size() + model->dense.bias.size() +
                         model->out.weight.size() + model->out.bias.size();
  info.parameters = model->weights.parameters + in_head;
  info.memory_bytes = model->weights.memory_bytes + in_head * sizeof(float);
  info.files = ModelFiles(dir, config);
  KITH_ASSIGN_OR_RETURN(info.artifact_hash, ArtifactHash(dir, info.files));
  return std::unique_ptr<const CrossEncoder>(new CrossEncoder(std::move(model)));
} catch (const std::bad_alloc&) {
  return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
               "no memory to load the model {}", dir.string());
} catch (const std::filesystem::filesystem_error& error) {
  return InvalidModel("{}", error.what());
}

CrossEncoder::CrossEncoder(std::unique_ptr<const Model> model) : model_(std::move(model)) {}
CrossEncoder::~CrossEncoder() = default;

const CrossEncoderInfo& CrossEncoder::info() const { return model_->info; }
const Tokenizer& CrossEncoder::tokenizer() const { return *model_->tokenizer; }

size_t CrossEncoder::Specials() const {
  return 2 + static_cast<size_t>(model_->tokenizer->special().pair_separators);
}

CrossEncoder::Question CrossEncoder::PrepareQuestion(std::string_view query) const {
  std::vector<Token> tokens;
  model_->tokenizer->Tokenize(query, &tokens);
  Question question;
  question.tokens = tokens.size();
  const size_t room = static_cast<size_t>(model_->config.max_tokens) - Specials();
  for (size_t i = 0; i < std::min(tokens.size(), room); ++i) {
    question.token_ids.push_back(tokens[i].id);
  }
  return question;
}

EncodedPair CrossEncoder::Prepare(const Question& question, std::string_view text) const {
  const SpecialTokens& special = model_->tokenizer->special();
  std::vector<Token> second;
  model_->tokenizer->Tokenize(text, &second);
  const size_t specials = Specials();
  const size_t room = static_cast<size_t>(model_->config.max_tokens) - specials;
  EncodedPair pair;
  pair.tokens_before_truncation = static_cast<int>(question.tokens + second.size() + specials);
  size_t of_first = question.tokens, of_second = second.size();
  if (of_first + of_second > room) {
    // As Hugging Face's library cuts: the longer one down to the shorter, then both to a half each,
    // the longer one (the second, where they are equal) keeping the odd token.
    size_t& shorter = of_first <= of_second ? of_first : of_second;
    size_t& longer = of_first <= of_second ? of_second : of_first;
    const size_t left = room > shorter ? room - shorter : 0;
    longer = std::max(shorter, left);
    if (shorter + longer > room) {
      shorter = room / 2;
      longer = room - room / 2;
    }
  }
  std::vector<int32_t>& ids = pair.token_ids;
  ids.reserve(of_first + of_second + specials);
  ids.push_back(special.cls);
  ids.insert(ids.end(), question.token_ids.begin(),
             question.token_ids.begin() + static_cast<ptrdiff_t>(of_first));
  ids.insert(ids.end(), static_cast<size_t>(special.pair_separators), special.sep);
  pair.second_begin = static_cast<int>(ids.size());
  for (size_t i = 0; i < of_second; ++i) ids.push_back(second[i].id);
  ids.push_back(special.sep);
  return pair;
}

std::unique_ptr<RunState> CrossEncoder::NewRunState() const {
  return std::make_unique<RunState>(model_->config);
}

absl::Status CrossEncoder::CheckPairs(std::span<const EncodedPair> pairs) const {
  const Config& config = model_->config;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto count = static_cast<int>(pairs[i].token_ids.size());
    if (count < 1 || count > config.max_tokens || pairs[i].second_begin < 0 ||
        pairs[i].second_begin > count) {
      return InvalidArgument(reason::kTooManyTokens,
                             "pair {} has {} tokens, the second text from {} on; 1..{} are taken",
                             i, count, pairs[i].second_begin, config.max_tokens);
    }
    for (const int32_t id : pairs[i].token_ids) {
      if (id < 0 || id >= config.vocab_size) {
        return InvalidArgument(reason::kInvalidRequest, "pair {}: token id {} is not in 0..{}", i,
                               id, config.vocab_size - 1);
      }
    }
  }
  return absl::OkStatus();
}

float CrossEncoder::Logit(const float* first_token) const {
  std::vector<float> inner(static_cast<size_t>(model_->config.hidden_size));
  model_->dense.Apply(first_token, inner.data());
  for (float& x : inner) x = std::tanh(x);
  float logit;
  model_->out.Apply(inner.data(), &logit);
  return logit;
}

absl::Status CrossEncoder::Forward(std::span<const EncodedPair> pairs, RunState* state, float* out,
                                   const Call& call) const {
  KITH_RETURN_IF_ERROR(CheckPairs(pairs));
  const bool segments = model_->tokenizer->special().second_segment == 1;
  std::vector<std::span<const int32_t>> chunk;
  std::vector<int> second;
  while (!pairs.empty()) {
    // As many whole pairs as fit a chunk, but at least one.
    chunk.clear();
    second.clear();
    size_t tokens = 0;
    for (const EncodedPair& pair : pairs) {
      tokens += pair.token_ids.size();
      if (!chunk.empty() && tokens > kChunkTokens) break;
      chunk.push_back(pair.token_ids);
      if (segments) second.push_back(pair.second_begin);
    }
    KITH_RETURN_IF_ERROR(ForwardChunk(model_->config, model_->weights, *model_->arithmetic.kernels,
                                      chunk, second, state, call));
    const float* hidden = state->hidden.data();
    for (const auto& sequence : chunk) {
      *out = Logit(hidden);
      if (!std::isfinite(*out)) {
        return InvalidModel("the cross-encoder computes numbers that are not finite");
      }
      ++out;
      hidden += sequence.size() * static_cast<size_t>(model_->config.hidden_size);
    }
    pairs = pairs.subspan(chunk.size());
  }
  return absl::OkStatus();
}

}  // namespace kith::encoder
