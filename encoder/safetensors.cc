#include "encoder/safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "encoder/half.h"
#include "encoder/invalid_model.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are read as they lie");

// Bytes of one number; 0 for a type that the format does not know.
uint64_t DtypeBytes(std::string_view dtype) {
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "I64" || dtype == "F64" || dtype == "U64") return 8;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL") return 1;
  return 0;
}

absl::Status CheckEntry(const std::string& file, const std::string& name, const TensorEntry& entry,
                        uint64_t data_bytes) {
  const uint64_t item_bytes = DtypeBytes(entry.dtype);
  if (item_bytes == 0) {
    return InvalidModel("{}: tensor {} has the unknown dtype {}", file, Quoted(name),
                        Quoted(entry.dtype));
  }
  if (entry.begin > entry.end || entry.end > data_bytes) {
    return InvalidModel("{}: tensor {} lies at {}..{}, the file's data has {} bytes", file,
                        Quoted(name), entry.begin, entry.end, data_bytes);
  }
  uint64_t bytes = item_bytes;
  for (const uint64_t extent : entry.shape) {
    if (__builtin_mul_overflow(bytes, extent, &bytes)) {
      return InvalidModel("{}: tensor {}: the shape's product overflows", file, Quoted(name));
    }
  }
  if (bytes != entry.end - entry.begin) {
    return InvalidModel("{}: tensor {}: the shape needs {} bytes, its offsets span {}", file,
                        Quoted(name), bytes, entry.end - entry.begin);
  }
  return absl::OkStatus();
}

// The tensors, in the order of their offsets, must cover the data exactly.
absl::Status CheckCover(const std::string& file, const TensorMap& tensors, uint64_t data_bytes) {
  std::vector<const TensorMap::value_type*> by_offset;
  by_offset.reserve(tensors.size());
  for (const auto& tensor : tensors) by_offset.push_back(&tensor);
  std::sort(by_offset.begin(), by_offset.end(), [](const auto* a, const auto* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  uint64_t covered = 0;
  for (const auto* tensor : by_offset) {
    const uint64_t begin = tensor->second.begin;
    if (begin != covered) {
      return InvalidModel("{}: tensor {} begins at {}, {} where {} was expected", file,
                          Quoted(tensor->first), begin,
                          begin < covered ? "overlapping another" : "leaving a gap", covered);
    }
    covered = tensor->second.end;
  }
  if (covered != data_bytes) {
    return InvalidModel("{}: the tensors end at {}, the file's data has {} bytes", file, covered,
                        data_bytes);
  }
  return absl::OkStatus();
}

}  // namespace

uint64_t TensorEntry::count() const {
  uint64_t product = 1;
  for (const uint64_t extent : shape) product *= extent;
  return product;
}

absl::StatusOr<Safetensors> Safetensors::Open(const std::filesystem::path& path) {
  KITH_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  uint64_t header_bytes = 0;
  if (file.size() < sizeof(header_bytes)) {
    return InvalidModel("{}: {} bytes are too few for a header", file.name(), file.size());
  }
  KITH_RETURN_IF_ERROR(file.ReadAt(0, &header_bytes, sizeof(header_bytes)));
  const uint64_t after_length = file.size() - sizeof(header_bytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > after_length) {
    return InvalidModel("{}: the header claims {} bytes; the file has {} for it, the limit is {}",
                        file.name(), header_bytes, after_length, kMaxHeaderBytes);
  }
  std::string header(header_bytes, '\0');
  KITH_RETURN_IF_ERROR(file.ReadAt(sizeof(header_bytes), header.data(), header.size()));
  KITH_ASSIGN_OR_RETURN(TensorMap tensors, ParseSafetensorsHeader(header, file.name()));

  const uint64_t data_bytes = after_length - header_bytes;
  for (const auto& [name, entry] : tensors) {
    KITH_RETURN_IF_ERROR(CheckEntry(file.name(), name, entry, data_bytes));
  }
  KITH_RETURN_IF_ERROR(CheckCover(file.name(), tensors, data_bytes));
  return Safetensors(std::move(file), std::move(tensors), sizeof(header_bytes) + header_bytes);
}

absl::StatusOr<std::vector<uint16_t>> Safetensors::ReadHalves(const TensorEntry& entry) const {
  std::vector<uint16_t> halves(entry.count());
  KITH_RETURN_IF_ERROR(
      file_.ReadAt(data_begin_ + entry.begin, halves.data(), halves.size() * sizeof(uint16_t)));
  return halves;
}

absl::Status Safetensors::ReadFloats(std::string_view name, const TensorEntry& entry,
                                     float* out) const {
  const uint64_t count = entry.count();
  const uint64_t begin = data_begin_ + entry.begin;
  if (entry.dtype == "F32") {
    KITH_RETURN_IF_ERROR(file_.ReadAt(begin, out, count * sizeof(float)));
  } else if (entry.dtype == "F16" || entry.dtype == "BF16") {
    const auto widen = entry.dtype == "F16" ? FloatFromF16 : FloatFromBf16;
    KITH_ASSIGN_OR_RETURN(const std::vector<uint16_t> halves, ReadHalves(entry));
    std::transform(halves.begin(), halves.end(), out, widen);
  } else {
    return InvalidModel("{}: tensor {} is stored as {}, only F32, F16 and BF16 can be weights",
                        file_.name(), Quoted(name), Quoted(entry.dtype));
  }
  const float* bad = std::find_if(out, out + count, [](float x) { return !std::isfinite(x); });
  if (bad != out + count) {
    return InvalidModel("{}: tensor {}: number {} of {} is {}", file_.name(), Quoted(name),
                        bad - out, count, *bad);
  }
  return absl::OkStatus();
}

}  // namespace kith::encoder
