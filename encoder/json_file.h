// JsonFile: one of a model's small JSON files, with typed look-ups whose errors name file and key.
//
// A key that is absent or null takes the look-up's default; one of another type is an error, never
// silently the default.

#ifndef KITH_ENCODER_JSON_FILE_H_
#define KITH_ENCODER_JSON_FILE_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kith::encoder {

class JsonFile {
 public:
  // Reads dir/name: at most 1 MiB long and 32 levels deep. Messages call it `name`.
  static absl::StatusOr<JsonFile> Read(const std::filesystem::path& dir, std::string name);

  // The same for an object in a file that may be absent: then an empty one.
  static absl::StatusOr<JsonFile> ReadIfExists(const std::filesystem::path& dir, std::string name);

  const std::string& name() const { return name_; }
  const nlohmann::json& root() const { return root_; }

  // An integer in [min, max].
  absl::StatusOr<int> Int(std::string_view key, int min, int max) const;
  absl::StatusOr<std::optional<int>> OptionalInt(std::string_view key, int min, int max) const;
  // Any finite number.
  absl::StatusOr<std::optional<double>> OptionalNumber(std::string_view key) const;
  absl::StatusOr<bool> Bool(std::string_view key, bool otherwise) const;
  absl::StatusOr<std::optional<std::string>> OptionalString(std::string_view key) const;

 private:
  JsonFile(std::string name, nlohmann::json root)
      : name_(std::move(name)), root_(std::move(root)) {}
  // Null when the key is absent or its value null.
  const nlohmann::json* Find(std::string_view key) const;

  std::string name_;
  nlohmann::json root_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_JSON_FILE_H_
