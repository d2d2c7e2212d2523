// How much memory a model will take, before it is loaded.
//
// Pure but for reading the files; thread-safe.

#ifndef KITH_ENCODER_MODEL_SIZE_H_
#define KITH_ENCODER_MODEL_SIZE_H_

#include <cstdint>
#include <filesystem>

#include "absl/status/statusor.h"

namespace kith::encoder {

// About the bytes that the weights of the model in `dir` take in memory: every number in its
// model.safetensors, its Dense modules included, as float32. Reads the headers alone, checked as
// the loader checks them: FAILED_PRECONDITION / INVALID_MODEL as Encoder::Load says it.
absl::StatusOr<uint64_t> EstimateModelBytes(const std::filesystem::path& dir);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_MODEL_SIZE_H_
