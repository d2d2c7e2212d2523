#include "server/engine/request_hash.h"

#include <xxhash.h>

#include <memory>
#include <string_view>
#include <type_traits>
#include <variant>

namespace kith::engine {
namespace {

class Hasher {
 public:
  Hasher() : state_(XXH3_createState(), XXH3_freeState) { XXH3_128bits_reset(state_.get()); }

  template <typename T>
  requires std::is_arithmetic_v<T>
  void Add(T value) { XXH3_128bits_update(state_.get(), &value, sizeof(value)); }
  void Add(std::string_view bytes) {
    Add(static_cast<uint64_t>(bytes.size()));
    XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
  }
  void Add(const std::string& bytes) { Add(std::string_view(bytes)); }
  void Add(const std::vector<std::string>& list) {
    Add(static_cast<uint64_t>(list.size()));
    for (const std::string& bytes : list) Add(bytes);
  }
  void Add(Timestamp time) { Add(time.micros); }

  void AddContent(const DocumentInput& document) {
    Add(document.text);
    Add(document.vector.has_value());
    if (document.vector) {
      Add(std::string_view(reinterpret_cast<const char*>(document.vector->values.data()),
                           document.vector->values.size() * sizeof(float)));
      Add(document.vector->fingerprint);
    }
    AddMetadata(document.metadata);
  }

  void AddMetadata(const Metadata& metadata) {
    Add(static_cast<uint64_t>(metadata.size()));
    for (const auto& [key, value] : metadata) {
      Add(key);
      Add(static_cast<uint8_t>(value.index()));
      std::visit([this](const auto& v) { Add(v); }, value);
    }
  }

  RequestHash Finish() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return {hash.high64, hash.low64};
  }
  std::string FinishBytes() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
    return std::string(reinterpret_cast<const char*>(canonical.digest), sizeof(canonical.digest));
  }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

}  // namespace

RequestHash HashOf(const std::vector<DocumentInput>& documents, Truncation truncation) {
  Hasher hasher;
  hasher.Add('U');
  hasher.Add(static_cast<uint8_t>(truncation));
  for (const DocumentInput& document : documents) {
    hasher.Add(document.id);
    hasher.Add(document.if_match);
    hasher.Add(document.if_none_match);
    hasher.AddContent(document);
  }
  return hasher.Finish();
}

RequestHash HashOf(const std::vector<DocumentDelete>& deletes) {
  Hasher hasher;
  hasher.Add('D');
  for (const DocumentDelete& one : deletes) {
    hasher.Add(one.id);
    hasher.Add(one.if_match);
  }
  return hasher.Finish();
}

RequestHash HashOf(const std::vector<MetadataChange>& updates) {
  Hasher hasher;
  hasher.Add('M');
  for (const MetadataChange& change : updates) {
    hasher.Add(change.id);
    hasher.Add(change.if_match);
    hasher.Add(change.replace);
    hasher.AddMetadata(change.set);
    hasher.Add(change.remove);
  }
  return hasher.Finish();
}

std::string ContentHash(const DocumentInput& document) {
  Hasher hasher;
  hasher.AddContent(document);
  return hasher.FinishBytes();
}

std::string SourceHash(std::string_view text, const SplitterOptions& splitter,
                       const VectorSpace& space) {
  Hasher hasher;
  hasher.Add('1');
  hasher.Add(static_cast<uint8_t>(splitter.kind));
  hasher.Add(splitter.max_tokens);
  hasher.Add(splitter.overlap_tokens);
  hasher.Add(space.space_hash);
  hasher.Add(space.dimension);
  hasher.Add(text);
  return hasher.FinishBytes();
}

}  // namespace kith::engine
