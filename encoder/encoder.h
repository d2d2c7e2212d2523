// Encoder: a transformer read from a sentence-transformers or Hugging Face directory, which turns
// token ids into embeddings. This is the header that users of the folder include.
//
//   KITH_ASSIGN_OR_RETURN(std::unique_ptr<const Encoder> encoder, Encoder::Load(dir));
//   std::unique_ptr<RunState> state = encoder->NewRunState();       // one a worker thread
//   EncodedInput input = encoder->Prepare("what is attention?", Role::kQuery);
//   std::span<const int32_t> ids = input.token_ids;
//   std::vector<float> embedding(encoder->info().dimension);
//   KITH_RETURN_IF_ERROR(encoder->Forward({&ids, 1}, state.get(), embedding.data(), call));
//
// Thread-safety: an Encoder never changes after Load, and any number of threads may use it at once.
// A RunState belongs to one thread at a time.

#ifndef KITH_ENCODER_ENCODER_H_
#define KITH_ENCODER_ENCODER_H_

#include <cstddef>
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
#include "encoder/pooling.h"
#include "encoder/run_state.h"
#include "encoder/tokenizer.h"
#include "kith/base/call.h"

namespace kith::encoder {

// What a text is: it decides the prompt that is put before it.
enum class Role { kQuery, kPassage };

struct EncoderInfo {
  std::string name;          // the directory's own name, as in "kith-mini"
  std::string architecture;  // "bert", "xlm-roberta"
  std::string precision;     // of the linear layers: "float32", "bfloat16" or "int8"
  std::string kernels;       // the instruction set in use, as in kernels/dispatch.h: "avx2"

  int dimension = 0;       // of an embedding
  int full_dimension = 0;  // as the model computes it: more than `dimension` if Truncated
  int max_tokens = 0;      // of one sequence, with its special tokens
  int num_layers = 0;
  int num_heads = 0;
  int intermediate_size = 0;
  int vocab_size = 0;  // rows of the word table
  Pooling pooling = Pooling::kMean;
  bool normalised = false;  // embeddings have length 1
  // False: the directory has no modules.json (a plain Hugging Face model), so mean pooling and
  // normalisation are this loader's own choice.
  bool has_modules = false;
  std::string query_prompt;    // put before every query; may be empty
  std::string passage_prompt;  // put before every passage; may be empty

  uint64_t parameters = 0;    // numbers in the tensors that the forward pass reads
  uint64_t memory_bytes = 0;  // held by the loaded weights

  // The files that the loader read, relative to the directory, sorted: a copy of these is the
  // model.
  std::vector<std::string> files;

  // XXH3-128 in 32 hex digits each; encoder/fingerprint.h says over what.
  std::string artifact_hash;  // these files
  std::string space_hash;  // all that decides a stored vector: equal means vectors can be compared
};

// A text made ready for Forward.
struct EncodedInput {
  std::vector<int32_t> token_ids;    // with the special tokens, at most max_tokens
  int tokens_before_truncation = 0;  // with the special tokens
  bool truncated() const {
    return static_cast<size_t>(tokens_before_truncation) > token_ids.size();
  }
};

class Encoder {
 public:
  // Reads the model in `dir`. A directory that is damaged, incomplete or of a kind this encoder
  // does not know fails with FAILED_PRECONDITION / INVALID_MODEL, in a sentence naming file, tensor
  // and reason. Nothing is allocated from a size that was not checked against the file.
  // `name`: how the model is called; empty: as the directory is. `options`: by which instructions
  // and in which precision it computes.
  static absl::StatusOr<std::unique_ptr<const Encoder>> Load(
      const std::filesystem::path& dir, std::string_view name = {},
      const ArithmeticOptions& options = ArithmeticOptions::FromEnvironment());
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  // The same model, whose embeddings keep their first `dimensions` values and, where the model
  // normalises, get length 1 again (Matryoshka). It shares the weights, and has a space hash of its
  // own. INVALID_ARGUMENT / DIMENSION_MISMATCH unless 1 <= dimensions <= full_dimension.
  absl::StatusOr<std::unique_ptr<const Encoder>> Truncated(int dimensions) const;

  // Equal for encoders that share their weights in memory; keeps these alive.
  std::shared_ptr<const void> weights() const { return model_; }

  const EncoderInfo& info() const { return info_; }
  const Tokenizer& tokenizer() const;

  // Tokens of a sequence that are not the text's own: the special tokens and the role's prompt. A
  // splitter's EncoderLimits.
  int OverheadTokens(Role role) const;

  // Tokens of the role's prompt followed by `text` (any bytes; invalid UTF-8 is replaced as the
  // tokenizer does), cut to max_tokens. Cost: linear in the text, also beyond max_tokens.
  EncodedInput Prepare(std::string_view text, Role role) const;

  // Scratch memory for one worker thread: its size depends on the model alone.
  std::unique_ptr<RunState> NewRunState() const;

  // Embeds `sequences` on the calling thread alone, packed end to end without padding, in chunks of
  // whole sequences (about 256 tokens each). An embedding does not depend on its neighbours. To use
  // more cores, give each worker its own share of the sequences and its own RunState.
  //
  // `out`: [sequences.size(), dimension], row-major. Each sequence must have 1..max_tokens ids in
  // [0, vocab_size), as Prepare makes them; else INVALID_ARGUMENT, before anything is computed.
  // `call` is asked between the layers; after any error `out` is unspecified.
  // REQUIRES: `state` is this encoder's, and no other thread uses it meanwhile.
  absl::Status Forward(std::span<const std::span<const int32_t>> sequences, RunState* state,
                       float* out, const Call& call) const;

 private:
  struct Model;
  Encoder(std::shared_ptr<const Model> model, EncoderInfo info);

  const std::string& Prompt(Role role) const;
  void Embed(const float* hidden, int tokens, float* out) const;
  absl::Status CheckSequences(std::span<const std::span<const int32_t>> sequences) const;

  // Constant after construction.
  const std::shared_ptr<const Model> model_;
  const EncoderInfo info_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_ENCODER_H_
