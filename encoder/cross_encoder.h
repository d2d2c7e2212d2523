// CrossEncoder: a transformer that reads a question and a passage together and says how well the
// passage answers: slower than comparing embeddings, and better. For ranking the best few again.
//
//   KITH_ASSIGN_OR_RETURN(std::unique_ptr<const CrossEncoder> ranker, CrossEncoder::Load(dir));
//   std::unique_ptr<RunState> state = ranker->NewRunState();       // one a worker thread
//   std::vector<EncodedPair> pairs = {ranker->Prepare(question, passage)};
//   std::vector<float> logits(pairs.size());
//   KITH_RETURN_IF_ERROR(ranker->Forward(pairs, state.get(), logits.data(), call));
//
// Thread-safety: a CrossEncoder never changes after Load, and any number of threads may use it at
// once. A RunState belongs to one thread at a time.

#ifndef KITH_ENCODER_CROSS_ENCODER_H_
#define KITH_ENCODER_CROSS_ENCODER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "encoder/arithmetic.h"
#include "encoder/run_state.h"
#include "encoder/tokenizer.h"
#include "kith/base/call.h"

namespace kith::encoder {

struct CrossEncoderInfo {
  std::string name;          // the directory's own name, or as Load was told
  std::string architecture;  // "bert", "xlm-roberta"
  std::string precision;     // of the arithmetic: "float32"
  std::string kernels;       // the instruction set in use: "avx2"

  int max_tokens = 0;         // of a pair, with its special tokens
  uint64_t parameters = 0;    // numbers in the tensors that the forward pass reads
  uint64_t memory_bytes = 0;  // held by the loaded weights

  // As EncoderInfo's: the files that the loader read, and the hash over them.
  std::vector<std::string> files;
  std::string artifact_hash;
};

// Two texts made ready for Forward.
struct EncodedPair {
  std::vector<int32_t> token_ids;    // with the special tokens, at most max_tokens
  int second_begin = 0;              // where the second text's tokens begin
  int tokens_before_truncation = 0;  // with the special tokens
  bool truncated() const {
    return static_cast<size_t>(tokens_before_truncation) > token_ids.size();
  }
};

// Between 0 and 1, rising with the logit: the sigmoid.
float RelevanceOf(float logit);

class CrossEncoder {
 public:
  // Reads a directory of BertForSequenceClassification, RobertaForSequenceClassification or
  // XLMRobertaForSequenceClassification with one label. Fails as Encoder::Load does. `name`: how
  // the model is called; empty: as the directory is. `options`: as Encoder::Load's.
  static absl::StatusOr<std::unique_ptr<const CrossEncoder>> Load(
      const std::filesystem::path& dir, std::string_view name = {},
      const ArithmeticOptions& options = ArithmeticOptions::FromEnvironment());
  // Whether config.json in `dir` speaks of a cross-encoder: of an architecture for the
  // classification of sequences, one that Load takes or not. False if it cannot be read.
  static bool IsOne(const std::filesystem::path& dir);

  ~CrossEncoder();
  CrossEncoder(const CrossEncoder&) = delete;
  CrossEncoder& operator=(const CrossEncoder&) = delete;

  const CrossEncoderInfo& info() const;
  const Tokenizer& tokenizer() const;

  // A question that many texts are read with.
  struct Question {
    std::vector<int32_t> token_ids;  // as many as a pair can hold
    size_t tokens = 0;               // that it has
  };
  // Cost: linear in the text, also beyond max_tokens.
  Question PrepareQuestion(std::string_view query) const;

  // The tokens of both texts, cut to max_tokens, longest first: the longer one is cut until both
  // are equally long, then both are.
  EncodedPair Prepare(const Question& question, std::string_view text) const;
  EncodedPair Prepare(std::string_view query, std::string_view text) const {
    return Prepare(PrepareQuestion(query), text);
  }

  std::unique_ptr<RunState> NewRunState() const;

  // The logit of each pair, in `out` [pairs.size()], on the calling thread alone. A logit does not
  // depend on its neighbours. INVALID_ARGUMENT for pairs that Prepare would not make; after any
  // error `out` is unspecified. REQUIRES: `state` is this model's, and no other thread uses it.
  absl::Status Forward(std::span<const EncodedPair> pairs, RunState* state, float* out,
                       const Call& call) const;

 private:
  struct Model;
  explicit CrossEncoder(std::unique_ptr<const Model> model);
  size_t Specials() const;  // special tokens of a pair
  absl::Status CheckPairs(std::span<const EncodedPair> pairs) const;
  float Logit(const float* first_token) const;

  // Constant after construction.
  const std::unique_ptr<const Model> model_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_CROSS_ENCODER_H_
