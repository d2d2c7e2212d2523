#include "client/cli/vector_file.h"

#include <vector>

#include "client/cli/exit_code.h"
#include "client/cli/line_reader.h"
#include "client/cpp/vector.h"
#include "kith/base/status_macros.h"

namespace kith::cli {

absl::StatusOr<v1::Vector> VectorOfJson(const Json& json) {
  if (!json.is_array())
    return UsageError("a vector is a list of numbers, not {}", json.type_name());
  std::vector<float> values;
  values.reserve(json.size());
  for (const Json& number : json) {
    if (!number.is_number()) {
      return UsageError("value {} of the vector is not a number but {}", values.size(),
                        number.type_name());
    }
    values.push_back(number.get<float>());
  }
  return client::PackVector(values);
}

absl::StatusOr<v1::Vector> ReadVector(const std::string& path) {
  constexpr size_t kMaxBytes = size_t{1} << 20;  // 4,096 values need 100 KiB
  KITH_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kMaxBytes));
  const Json json = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return UsageError("{}: not JSON", path);
  auto vector =
      VectorOfJson(json.is_object() && json.contains("embedding") ? json["embedding"] : json);
  if (!vector.ok()) return UsageError("{}: {}", path, std::string(vector.status().message()));
  return vector;
}

}  // namespace kith::cli
