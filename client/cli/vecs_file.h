// .fvecs and .ivecs, the files in which sets of vectors are published for measuring (SIFT, GIST,
// ann-benchmarks' exports): a row is a little-endian int32 n and n values, float32 in .fvecs, int32
// in .ivecs. A file is hostile until read: counts are checked before anything is allocated.

#ifndef KITH_CLIENT_CLI_VECS_FILE_H_
#define KITH_CLIENT_CLI_VECS_FILE_H_

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace kith::cli {

// Reads an .fvecs file row by row. All rows have as many values as the first. Not thread-safe.
class FvecsReader {
 public:
  // As many values as a vector of Kith may have.
  static constexpr int32_t kMaxDimension = 4096;

  static absl::StatusOr<std::unique_ptr<FvecsReader>> Open(const std::string& path);

  // The next row into `row`. False at the end, or when the file is broken: see status().
  bool Next(std::vector<float>& row);

  uint64_t rows_read() const { return rows_; }
  uint64_t bytes_read() const { return bytes_; }
  const absl::Status& status() const { return status_; }

 private:
  FvecsReader(std::string path, std::ifstream file)
      : path_(std::move(path)), file_(std::move(file)) {}

  const std::string path_;
  std::ifstream file_;
  int32_t dimension_ = 0;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
  absl::Status status_;
};

// All rows of a file of at most 1 GiB of values. INVALID_ARGUMENT names the row that is wrong.
absl::StatusOr<std::vector<std::vector<float>>> ReadFvecs(const std::string& path);
// Rows may have different lengths, 0 to 10,000.
absl::StatusOr<std::vector<std::vector<int32_t>>> ReadIvecs(const std::string& path);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_VECS_FILE_H_
