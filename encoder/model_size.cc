#include "encoder/model_size.h"

#include <vector>

#include "encoder/config.h"
#include "encoder/invalid_model.h"
#include "encoder/safetensors.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {

absl::StatusOr<uint64_t> EstimateModelBytes(const std::filesystem::path& dir) try {
  KITH_ASSIGN_OR_RETURN(const Config config, LoadConfig(dir));
  std::vector<std::filesystem::path> folders = {dir / config.transformer_path};
  for (const DenseConfig& dense : config.dense) folders.push_back(dir / dense.path);
  uint64_t numbers = 0;
  for (const std::filesystem::path& folder : folders) {
    KITH_ASSIGN_OR_RETURN(const Safetensors file, Safetensors::Open(folder / "model.safetensors"));
    // A tensor lies in the file, so that the sum cannot overflow.
    for (const auto& [name, tensor] : file.tensors()) numbers += tensor.count();
  }
  return numbers * sizeof(float);
} catch (const std::filesystem::filesystem_error& error) {
  return InvalidModel("{}", error.what());
}

}  // namespace kith::encoder
