// Encoders: the models this server has, by name and by fingerprint, and the work of running them.
//
// There are two kinds: encoders turn a text into an embedding, cross-encoders say how well a text
// answers a question. The encoder of collections that name none is the one of --model-dir. A
// collection binds its encoder: the model's files are copied into the data folder,
// content-addressed, so that a new default never orphans it. Cross-encoders are named by whoever
// asks.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_ENCODERS_H_
#define KITH_SERVER_ENGINE_ENCODERS_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "encoder/cross_encoder.h"
#include "encoder/encoder.h"
#include "kith/base/call.h"
#include "server/engine/query_cache.h"
#include "server/engine/schema.h"

namespace kith::engine {

using EncoderRef = std::shared_ptr<const encoder::Encoder>;
using CrossEncoderRef = std::shared_ptr<const encoder::CrossEncoder>;

// A model in memory: one of the two kinds.
struct LoadedModel {
  EncoderRef encoder = nullptr;             // or null
  CrossEncoderRef cross_encoder = nullptr;  // or null
  bool is_default = false;
  uint64_t memory_bytes = 0;  // of the server's budget
  uint32_t collections = 0;   // that are bound to it

  const std::string& name() const {
    return encoder != nullptr ? encoder->info().name : cross_encoder->info().name;
  }
  const std::string& artifact_hash() const {
    return encoder != nullptr ? encoder->info().artifact_hash : cross_encoder->info().artifact_hash;
  }
};

struct ModelList {
  std::vector<LoadedModel> loaded;    // the default first
  std::vector<std::string> unloaded;  // names that LoadModel can try
};

// Embeddings of several texts, one row each.
struct EncodedTexts {
  std::vector<float> embeddings;  // [texts, dimension]
  std::vector<uint32_t> token_counts;
  std::vector<uint32_t> dropped_counts;  // tokens that were cut off
};
using EncodeDone = std::function<void(absl::StatusOr<EncodedTexts>)>;

struct RerankRequest {
  CrossEncoderRef model;
  std::string query;
  std::vector<std::string> texts;
  int64_t limit = 0;        // best texts that are wanted; 0: all
  bool raw_scores = false;  // logits, not 0..1
  Truncation truncation = Truncation::kEnd;
};

struct RerankAnswer {
  struct Text {
    uint32_t index = 0;  // in the request
    float score = 0;
    uint32_t tokens = 0, dropped = 0;
  };
  std::vector<Text> texts;           // best first; ties in the order of the request
  uint64_t tokens = 0, dropped = 0;  // of all texts
};
using RerankDone = std::function<void(absl::StatusOr<RerankAnswer>)>;

class Encoders {
 public:
  virtual ~Encoders() = default;

  // Empty if the server runs without one.
  virtual std::string default_name() const = 0;
  // By name; an empty name is the default. NOT_FOUND / ENCODER_NOT_FOUND, FAILED_PRECONDITION /
  // NO_ENCODER, or INVALID_ARGUMENT / MODEL_KIND for a cross-encoder.
  virtual absl::StatusOr<EncoderRef> Find(std::string_view name) const = 0;
  // Likewise, and of its values the first `dimensions`; 0: all. Else INVALID_ARGUMENT /
  // DIMENSION_MISMATCH; `field` names the number.
  absl::StatusOr<EncoderRef> FindTruncated(std::string_view name, uint32_t dimensions,
                                           std::string_view field) const;
  // By name; an empty name is the one cross-encoder that is loaded. NOT_FOUND / MODEL_NOT_FOUND,
  // FAILED_PRECONDITION / NO_CROSS_ENCODER, or INVALID_ARGUMENT: MODEL_KIND for an encoder,
  // INVALID_REQUEST for an empty name where there are several.
  virtual absl::StatusOr<CrossEncoderRef> FindCrossEncoder(std::string_view name) const = 0;

  // Tokenises on the calling thread, encodes on the encoder's threads. Queries go ahead of
  // passages.
  virtual void Encode(EncoderRef encoder, const std::vector<std::string>& texts, encoder::Role role,
                      Truncation truncation, std::shared_ptr<const Call> call, EncodeDone done) = 0;

  // Likewise, beside the queries.
  virtual void Rerank(RerankRequest request, std::shared_ptr<const Call> call, RerankDone done) = 0;

  virtual QueryCache::Stats query_cache() const = 0;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_ENCODERS_H_
