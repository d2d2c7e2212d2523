// Encoders: the models this server has, by name and by fingerprint, and the work of running them.
//
// The encoder of collections that name none is the one of --model-dir. A collection binds its
// encoder: the model's files are copied into the data folder, content-addressed, so that a new
// default never orphans it.
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
#include "encoder/encoder.h"
#include "kith/base/call.h"
#include "server/engine/schema.h"

namespace kith::engine {

using EncoderRef = std::shared_ptr<const encoder::Encoder>;

// Embeddings of several texts, one row each.
struct EncodedTexts {
  std::vector<float> embeddings;  // [texts, dimension]
  std::vector<uint32_t> token_counts;
  std::vector<bool> truncated;
};
using EncodeDone = std::function<void(absl::StatusOr<EncodedTexts>)>;

class Encoders {
 public:
  virtual ~Encoders() = default;

  // Every loaded model, the default first.
  virtual std::vector<EncoderRef> List() const = 0;
  // Empty if the server runs without one.
  virtual std::string default_name() const = 0;
  // By name; an empty name is the default. NOT_FOUND / ENCODER_NOT_FOUND, or FAILED_PRECONDITION /
  // NO_ENCODER.
  virtual absl::StatusOr<EncoderRef> Find(std::string_view name) const = 0;

  // Tokenises on the calling thread, encodes on the encoder's threads. Queries go ahead of
  // passages.
  virtual void Encode(EncoderRef encoder, const std::vector<std::string>& texts, encoder::Role role,
                      Truncation truncation, std::shared_ptr<const Call> call, EncodeDone done) = 0;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_ENCODERS_H_
