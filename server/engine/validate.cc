#include "server/engine/validate.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <variant>

#include "encoder/utf8.h"
#include "fmt/ranges.h"
#include "index/terms/analyser.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/search.h"

namespace kith::engine {
namespace {

constexpr bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Unicode's White_Space property: 25 code points.
constexpr bool IsWhiteSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool HasControlCharacter(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const encoder::CodePoint point = encoder::DecodeUtf8(text, i);
    if (point.value < 0x20 || (point.value >= 0x7F && point.value <= 0x9F)) return true;
    i += point.size_bytes;
  }
  return false;
}

// Microseconds of the years 0001 and 10000 (exclusive).
constexpr int64_t kTimestampMin = -62'135'596'800'000'000;
constexpr int64_t kTimestampEnd = 253'402'300'800'000'000;

// Bytes that a value counts for under limits.metadata_bytes.
struct ValueBytes {
  size_t operator()(const std::string& value) const { return value.size(); }
  size_t operator()(const std::vector<std::string>& values) const {
    size_t bytes = 0;
    for (const std::string& value : values) bytes += value.size();
    return bytes;
  }
  size_t operator()(bool) const { return 1; }
  template <typename T>
  size_t operator()(const T& value) const {
    return sizeof(value);
  }
};

struct ValueChecker {
  const Limits& limits;
  const std::string& field;

  absl::Status operator()(const std::string& value) const { return ValidateUtf8(value, field); }
  absl::Status operator()(const std::vector<std::string>& values) const {
    if (values.size() > limits.keyword_list_values) {
      return InvalidArgument(reason::kInvalidMetadata, "{}: {} values, the limit is {}", field,
                             values.size(), limits.keyword_list_values)
          .Field(field);
    }
    for (const std::string& value : values) KITH_RETURN_IF_ERROR((*this)(value));
    return absl::OkStatus();
  }
  absl::Status operator()(double value) const {
    if (std::isfinite(value)) return absl::OkStatus();
    return InvalidArgument(reason::kInvalidMetadata, "{}: {} is not a finite number", field, value)
        .Field(field);
  }
  absl::Status operator()(Timestamp value) const {
    if (value.micros >= kTimestampMin && value.micros < kTimestampEnd) return absl::OkStatus();
    return InvalidArgument(reason::kInvalidMetadata,
                           "{}: a timestamp outside the years 0001 to 9999", field)
        .Field(field);
  }
  absl::Status operator()(int64_t) const { return absl::OkStatus(); }
  absl::Status operator()(bool) const { return absl::OkStatus(); }
};

}  // namespace

absl::Status ValidateCollectionName(std::string_view name) {
  bool good = !name.empty() && name.size() <= 128 && IsNameStart(name[0]);
  for (char c : name) good = good && (IsNameStart(c) || c == '_' || c == '-');
  if (good) return absl::OkStatus();
  return InvalidArgument(reason::kInvalidName,
                         "name: {} is not a collection's name: 1 to 128 of a-z, 0-9, _ and -, "
                         "beginning with a letter or digit",
                         Quoted(name))
      .Field("name");
}

absl::Status ValidateModelName(std::string_view name) {
  const auto is_start = [](char c) { return IsNameStart(c) || (c >= 'A' && c <= 'Z'); };
  bool good = !name.empty() && name.size() <= 128 && is_start(name[0]);
  for (char c : name) good = good && (is_start(c) || c == '.' || c == '_' || c == '-');
  if (good) return absl::OkStatus();
  return InvalidArgument(reason::kInvalidName,
                         "name: {} is not a model's name: 1 to 128 of A-Z, a-z, 0-9, ., _ and -, "
                         "beginning with a letter or digit",
                         Quoted(name))
      .Field("name");
}

absl::Status ValidateUtf8(std::string_view text, std::string_view field) {
  const size_t valid = encoder::ValidUtf8Prefix(text);
  if (valid == text.size()) return absl::OkStatus();
  return InvalidArgument(reason::kInvalidUtf8, "{}: byte {} of {} is not UTF-8", field, valid,
                         text.size())
      .Field(std::string(field))
      .With("offset", valid);
}

absl::Status ValidateClientId(std::string_view id, size_t bytes_max, std::string_view field) {
  if (id.empty() || id.size() > bytes_max) {
    return InvalidArgument(reason::kInvalidId, "{}: {} bytes, must be 1 to {}", field, id.size(),
                           bytes_max)
        .Field(std::string(field))
        .With("limit", bytes_max);
  }
  KITH_RETURN_IF_ERROR(ValidateUtf8(id, field));
  if (HasControlCharacter(id)) {
    return InvalidArgument(reason::kInvalidId, "{}: {} holds a control character", field,
                           Quoted(id))
        .Field(std::string(field));
  }
  return absl::OkStatus();
}

absl::Status ValidateDocumentId(std::string_view id, const Limits& limits) {
  return ValidateClientId(id, limits.id_bytes, "id");
}

bool IsBlank(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const encoder::CodePoint point = encoder::DecodeUtf8(text, i);
    if (!IsWhiteSpace(point.value)) return false;
    i += point.size_bytes;
  }
  return true;
}

absl::Status ValidateText(std::string_view text, const Limits& limits, std::string_view field) {
  if (text.size() > limits.text_bytes) {
    return InvalidArgument(reason::kTextTooLong, "{}: {} bytes, the limit is {}", field,
                           text.size(), limits.text_bytes)
        .Field(std::string(field))
        .With("bytes", text.size())
        .With("limit", limits.text_bytes);
  }
  KITH_RETURN_IF_ERROR(ValidateUtf8(text, field));
  if (IsBlank(text)) {
    return InvalidArgument(reason::kEmptyText, "{}: nothing to embed", field)
        .Field(std::string(field));
  }
  return absl::OkStatus();
}

namespace {

// Keys obey the rules of ids, and are refused as metadata.
absl::Status ValidateMetadataKey(std::string_view key, const Limits& limits) {
  const absl::Status status = ValidateClientId(key, limits.metadata_key_bytes, "metadata key");
  if (status.ok()) return status;
  return InvalidArgument(reason::kInvalidMetadata, "{}", std::string(status.message()))
      .Field("metadata[" + Quoted(key) + "]");
}

}  // namespace

absl::Status ValidateMetadata(const Metadata& metadata, const Limits& limits) {
  for (const auto& [key, value] : metadata) {
    KITH_RETURN_IF_ERROR(ValidateMetadataKey(key, limits));
    const std::string field = "metadata[" + Quoted(key) + "]";
    KITH_RETURN_IF_ERROR(std::visit(ValueChecker{limits, field}, value));
  }
  return ValidateMetadataSize(metadata, limits);
}

absl::Status ValidateMetadataSize(const Metadata& metadata, const Limits& limits) {
  if (metadata.size() > limits.metadata_keys) {
    return InvalidArgument(reason::kInvalidMetadata, "metadata: {} keys, the limit is {}",
                           metadata.size(), limits.metadata_keys)
        .Field("metadata")
        .With("limit", limits.metadata_keys);
  }
  const size_t bytes = MetadataBytes(metadata);
  if (bytes > limits.metadata_bytes) {
    return InvalidArgument(reason::kInvalidMetadata, "metadata: {} bytes, the limit is {}", bytes,
                           limits.metadata_bytes)
        .Field("metadata")
        .With("bytes", bytes)
        .With("limit", limits.metadata_bytes);
  }
  return absl::OkStatus();
}

size_t MetadataBytes(const Metadata& metadata) {
  size_t bytes = 0;
  for (const auto& [key, value] : metadata) bytes += key.size() + std::visit(ValueBytes(), value);
  return bytes;
}

absl::Status ValidateMetadataChange(const MetadataChange& change, const Limits& limits) {
  KITH_RETURN_IF_ERROR(ValidateMetadata(change.set, limits));
  if (change.remove.size() > limits.metadata_keys) {
    return InvalidArgument(reason::kInvalidMetadata, "remove: {} keys, the limit is {}",
                           change.remove.size(), limits.metadata_keys)
        .Field("remove")
        .With("limit", limits.metadata_keys);
  }
  for (const std::string& key : change.remove) {
    KITH_RETURN_IF_ERROR(ValidateMetadataKey(key, limits));
    if (change.set.contains(key)) {
      return InvalidArgument(reason::kInvalidMetadata, "metadata: {} is both set and removed",
                             Quoted(key))
          .Field("metadata[" + Quoted(key) + "]");
    }
  }
  if (change.set.empty() && change.remove.empty() && !change.replace) {
    return InvalidArgument(reason::kInvalidMetadata, "metadata: nothing to change")
        .Field("metadata");
  }
  return absl::OkStatus();
}

absl::Status ValidateTextIndex(const TextIndexSettings& settings) {
  const auto& languages = index::TermAnalyser::Languages();
  if (!std::binary_search(languages.begin(), languages.end(), settings.language)) {
    return InvalidArgument(reason::kInvalidRequest, "language: {} is not known, must be one of {}",
                           Quoted(settings.language), fmt::join(languages, ", "))
        .Field("language");
  }
  if (!settings.remove_stop_words) return absl::OkStatus();
  const auto with_list = index::TermAnalyser::LanguagesWithStopWords();
  if (std::find(with_list.begin(), with_list.end(), settings.language) == with_list.end()) {
    return InvalidArgument(reason::kInvalidRequest,
                           "remove_stop_words: there is no list of stop words for {}, only for {}",
                           Quoted(settings.language), fmt::join(with_list, ", "))
        .Field("remove_stop_words");
  }
  return absl::OkStatus();
}

absl::Status ValidateUnindexedFields(const std::vector<std::string>& fields, const Limits& limits) {
  if (fields.size() > limits.collection_fields) {
    return InvalidArgument(reason::kInvalidRequest, "unindexed_fields: {} given, the limit is {}",
                           fields.size(), limits.collection_fields)
        .Field("unindexed_fields")
        .With("limit", limits.collection_fields);
  }
  for (size_t i = 0; i < fields.size(); ++i) {
    const std::string field = fmt::format("unindexed_fields[{}]", i);
    KITH_RETURN_IF_ERROR(ValidateClientId(fields[i], limits.metadata_key_bytes, field));
  }
  return absl::OkStatus();
}

absl::Status ValidateIndexSettings(const IndexSettings& settings) {
  const auto kind = static_cast<int>(settings.quantization);
  if (kind < static_cast<int>(Quantization::kAuto) || kind > static_cast<int>(Quantization::kF32)) {
    return InvalidArgument(reason::kInvalidRequest, "quantization: {} is not known", kind)
        .Field("quantization");
  }
  const auto check = [](const char* field, uint32_t value, uint32_t least,
                        uint32_t most) -> absl::Status {
    if (value >= least && value <= most) return absl::OkStatus();
    return InvalidArgument(reason::kLimitOutOfRange, "{}: {} given, must be from {} to {}", field,
                           value, least, most)
        .Field(field)
        .With("limit", most);
  };
  KITH_RETURN_IF_ERROR(check("m", settings.m, 4, 64));
  return check("ef_construction", settings.ef_construction, 16, 2000);
}

absl::Status ValidateTuning(std::optional<double> target_recall, std::optional<int64_t> ef) {
  // Written so that NaN is refused, too.
  if (target_recall && !(*target_recall >= kTargetRecallMin && *target_recall <= 1)) {
    return InvalidArgument(reason::kLimitOutOfRange,
                           "target_recall: {} given, must be from {} to 1", *target_recall,
                           kTargetRecallMin)
        .Field("tuning.target_recall");
  }
  if (ef && (*ef < 1 || *ef > kEfMax)) {
    return InvalidArgument(reason::kLimitOutOfRange, "ef: {} given, must be from 1 to {}", *ef,
                           kEfMax)
        .Field("tuning.ef")
        .With("limit", kEfMax);
  }
  return absl::OkStatus();
}

}  // namespace kith::engine
