// Safetensors: the file that holds a model's tensors. Layout:
//
//   bytes 0..7     N, the header's length: little-endian, unsigned 64 bits
//   bytes 8..8+N   JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
//                  and perhaps "__metadata__": {"key": "value"}
//   the rest       the tensors' numbers, little-endian, row-major; offsets count from 8+N
//
// Open checks all of it before a size is believed: header <= 16 MiB and inside the file, <= 10,000
// tensors, no name twice, shapes that do not overflow and agree with the offsets, and data that
// covers the rest of the file without overlap, gap or end past it.
//
// Thread-safe after Open.

#ifndef KITH_ENCODER_SAFETENSORS_H_
#define KITH_ENCODER_SAFETENSORS_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "encoder/input_file.h"

namespace kith::encoder {

struct TensorEntry {
  std::string dtype;  // as written, as in "F16"
  std::vector<uint64_t> shape;
  uint64_t begin = 0;  // bytes from the start of the data
  uint64_t end = 0;

  uint64_t count() const;  // of numbers: the shape's product, which Open found not to overflow
};

using TensorMap = std::map<std::string, TensorEntry, std::less<>>;

// Reads the JSON of a header, strictly: anything but what the format allows is an error. Says
// nothing yet about offsets and shapes. Exposed for tests.
absl::StatusOr<TensorMap> ParseSafetensorsHeader(std::string_view header, std::string_view file);

class Safetensors {
 public:
  static constexpr uint64_t kMaxHeaderBytes = 16 << 20;
  static constexpr size_t kMaxTensors = 10'000;
  static constexpr size_t kMaxRank = 8;

  static absl::StatusOr<Safetensors> Open(const std::filesystem::path& path);

  const std::string& file_name() const { return file_.name(); }
  const TensorMap& tensors() const { return tensors_; }

  // The numbers of a tensor of F32, F16 or BF16 as float32. Fails when one is NaN or infinite.
  // `out` holds count() floats.
  absl::Status ReadFloats(std::string_view name, const TensorEntry& entry, float* out) const;
  // The numbers of a tensor of F16 or BF16 as they are stored.
  absl::StatusOr<std::vector<uint16_t>> ReadHalves(const TensorEntry& entry) const;

 private:
  Safetensors(InputFile file, TensorMap tensors, uint64_t data_begin)
      : file_(std::move(file)), tensors_(std::move(tensors)), data_begin_(data_begin) {}

  InputFile file_;
  TensorMap tensors_;
  uint64_t data_begin_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_SAFETENSORS_H_
