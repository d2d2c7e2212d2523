// The two hashes of a model, XXH3-128 in 32 lower-case hex digits (big-endian, as xxhsum prints
// it).
//
// artifact: what was copied. Over the model's files that this encoder reads, in the order of
//   their names: the name's length, the name, the content's length, the content. Lengths are 8
//   bytes, little-endian.
//
// space: what decides a stored vector, so that two models of one space hash can be mixed. Over
//   a version of this list; architecture, sizes, heads, activation, epsilon of the layer norms;
//   where positions begin, buckets of relative positions and Dense modules, where there are any;
//   the maximum of tokens; whether texts are lower-cased first; pooling; normalisation; the passage
//   prompt; the tokenizer's vocabulary, added and special tokens and options; every tensor that the
//   forward pass reads: name, shape and numbers as float32.
//   Left out, since they change no stored vector: the query prompt, how a tensor's numbers
//   are stored (F16 or F32), tensors that are not read, how a tokenizer is written down
//   (tokenizer.json or vocab.txt, its truncation and padding settings).
//
// The space hash is kept beside collections: what goes into it never changes without a new version.

#ifndef KITH_ENCODER_FINGERPRINT_H_
#define KITH_ENCODER_FINGERPRINT_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "encoder/config.h"

namespace kith::encoder {

// A running XXH3-128. What is added is framed, so that ("ab", "c") and ("a", "bc") differ.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void Add(uint64_t number);
  void Add(std::string_view bytes);  // its length, then the bytes
  void Add(const char* text) { Add(std::string_view(text)); }
  void Add(std::span<const float> numbers);  // their count, then the floats' bytes
  void AddRaw(const void* bytes, size_t count);
  std::string Hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The files of the model in `dir` that Load reads, those that exist, relative to `dir` and sorted.
std::vector<std::string> ModelFiles(const std::filesystem::path& dir, const Config& config);

// Over `files`, in the order given.
absl::StatusOr<std::string> ArtifactHash(const std::filesystem::path& dir,
                                         std::span<const std::string> files);

// All of the space hash's list but the tensors, which are added while they are loaded.
absl::Status AddConfigAndTokenizer(const std::filesystem::path& dir, const Config& config,
                                   Hasher* hasher);

// Of the vectors that keep the first `dimensions` values of those of a space.
std::string TruncatedSpaceHash(std::string_view space_hash, int dimensions);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_FINGERPRINT_H_
