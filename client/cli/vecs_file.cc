#include "client/cli/vecs_file.h"

#include <bit>
#include <cerrno>
#include <system_error>
#include <utility>

#include "client/cli/exit_code.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

static_assert(std::endian::native == std::endian::little,
              "values are copied as they lie in the file");

constexpr int32_t kMaxTruth = 10'000;  // as many as a search can return
constexpr uint64_t kMaxValues = uint64_t{1} << 28;

absl::StatusOr<std::ifstream> OpenFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return UsageError("{}: {}", path, std::generic_category().message(errno));
  return file;
}

enum class Row { kRead, kEnd, kBroken };

// One row of at most `most` values of four bytes; kBroken has set `status`.
template <typename Value>
Row ReadRow(const std::string& path, uint64_t number, int32_t least, int32_t most,
            std::ifstream& file, std::vector<Value>& row, absl::Status& status) {
  int32_t count = 0;
  file.read(reinterpret_cast<char*>(&count), sizeof(count));
  if (file.gcount() == 0 && file.eof()) return Row::kEnd;
  if (file.gcount() != sizeof(count)) {
    status = UsageError("{}: ends inside row {}", path, number);
    return Row::kBroken;
  }
  if (count < least || count > most) {
    status = UsageError("{}: row {} says it has {} values: {} to {} can be", path, number, count,
                        least, most);
    return Row::kBroken;
  }
  row.resize(static_cast<size_t>(count));
  const auto bytes = static_cast<std::streamsize>(row.size() * sizeof(Value));
  file.read(reinterpret_cast<char*>(row.data()), bytes);
  if (file.gcount() != bytes) {
    status = UsageError("{}: ends inside row {}", path, number);
    return Row::kBroken;
  }
  return Row::kRead;
}

absl::Status TooManyValues(const std::string& path) {
  return UsageError("{}: has more than {} values, too many to hold at once", path, kMaxValues);
}

}  // namespace

absl::StatusOr<std::unique_ptr<FvecsReader>> FvecsReader::Open(const std::string& path) {
  KITH_ASSIGN_OR_RETURN(std::ifstream file, OpenFile(path));
  return std::unique_ptr<FvecsReader>(new FvecsReader(path, std::move(file)));
}

bool FvecsReader::Next(std::vector<float>& row) {
  if (!status_.ok()) return false;
  const int32_t least = rows_ == 0 ? 1 : dimension_;
  const int32_t most = rows_ == 0 ? kMaxDimension : dimension_;
  if (ReadRow(path_, rows_, least, most, file_, row, status_) != Row::kRead) return false;
  dimension_ = static_cast<int32_t>(row.size());
  ++rows_;
  bytes_ += sizeof(int32_t) + row.size() * sizeof(float);
  return true;
}

absl::StatusOr<std::vector<std::vector<float>>> ReadFvecs(const std::string& path) {
  KITH_ASSIGN_OR_RETURN(const auto reader, FvecsReader::Open(path));
  std::vector<std::vector<float>> rows;
  uint64_t values = 0;
  for (std::vector<float> row; reader->Next(row);) {
    values += row.size();
    if (values > kMaxValues) return TooManyValues(path);
    rows.push_back(row);
  }
  if (!reader->status().ok()) return reader->status();
  if (rows.empty()) return UsageError("{}: holds no vector", path);
  return rows;
}

absl::StatusOr<std::vector<std::vector<int32_t>>> ReadIvecs(const std::string& path) {
  KITH_ASSIGN_OR_RETURN(std::ifstream file, OpenFile(path));
  std::vector<std::vector<int32_t>> rows;
  absl::Status status;
  uint64_t values = 0;
  for (std::vector<int32_t> row;
       ReadRow(path, rows.size(), 0, kMaxTruth, file, row, status) == Row::kRead;) {
    values += row.size();
    if (values > kMaxValues) return TooManyValues(path);
    rows.push_back(row);
  }
  if (!status.ok()) return status;
  return rows;
}

}  // namespace kith::cli
