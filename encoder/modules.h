// modules.json: the pipeline of a sentence-transformers model. This encoder runs Transformer,
// Pooling, perhaps some Dense, and, perhaps, Normalize, in this order; any other module or order is
// refused by name, since leaving one out would give vectors that look right and are wrong.

#ifndef KITH_ENCODER_MODULES_H_
#define KITH_ENCODER_MODULES_H_

#include <filesystem>

#include "absl/status/status.h"
#include "encoder/config.h"

namespace kith::encoder {

// Fills has_modules, transformer_path, pooling_path, the paths of `dense`, and normalise. Without
// modules.json: mean pooling and normalisation.
absl::Status ReadModules(const std::filesystem::path& dir, Config* config);

// Fills pooling from the pooling module's config.json. REQUIRES: has_modules, hidden_size.
absl::Status ReadPooling(const std::filesystem::path& dir, Config* config);

// Fills the rest of `dense` from the modules' config.json. REQUIRES: has_modules, hidden_size.
absl::Status ReadDense(const std::filesystem::path& dir, Config* config);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_MODULES_H_
