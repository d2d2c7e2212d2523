// JsonSection: an object inside tokenizer.json, with typed look-ups whose errors name the key by
// its whole path ("model.vocab"). Absent and null look the same, as they do to the library that
// writes the format; a value of another type is an error, never silently the default.
//
// A section refers into the parsed file, which must outlive it.

#ifndef KITH_ENCODER_JSON_SECTION_H_
#define KITH_ENCODER_JSON_SECTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kith::encoder {

class JsonSection {
 public:
  // INVALID_MODEL unless `value` is an object. `path`: its place in `file`, "" for the root.
  static absl::StatusOr<JsonSection> Of(std::string_view file, const nlohmann::json& value,
                                        std::string path);

  // The object under `key`.
  absl::StatusOr<JsonSection> Object(const char* key) const;

  // The value under `key`, null when there is none.
  const nlohmann::json& Get(const char* key) const;

  absl::StatusOr<std::optional<bool>> OptionalBool(const char* key) const;
  absl::StatusOr<bool> Bool(const char* key, bool otherwise) const;
  absl::StatusOr<std::string> String(const char* key) const;
  absl::StatusOr<int32_t> Integer(const char* key, int32_t max) const;  // from 0

  // The name in the `type` of the object under `key`; what stands there instead ("null") if it is
  // no object.
  absl::StatusOr<std::string> TypeOf(const char* key) const;

  // INVALID_MODEL saying what was found and that `wanted` is supported, unless that is the type.
  absl::Status RequireType(const char* key, std::string_view wanted) const;

  std::string PathOf(std::string_view key) const;
  const std::string& path() const { return path_; }

 private:
  JsonSection(std::string_view file, const nlohmann::json& value, std::string path)
      : file_(file), value_(&value), path_(std::move(path)) {}

  absl::Status WrongType(const char* key, std::string_view wanted) const;

  std::string_view file_;
  const nlohmann::json* value_;
  std::string path_;
};

// An integer from 0 to `max`; `path` says in messages where it stands.
absl::StatusOr<int32_t> JsonInteger(std::string_view file, const nlohmann::json& value,
                                    std::string_view path, int32_t max);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_JSON_SECTION_H_
