#include "index/growing_segment.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <new>

#include "index/kernels/kernels.h"
#include "index/quantizer.h"
#include "kith/base/check.h"
#include "kith/base/error.h"

namespace kith::index {
namespace {

constexpr size_t kAlignment = 64;  // a cache line, and the widest register
constexpr size_t kFirstChunkBytes = size_t{32} << 10;
constexpr size_t kFullChunkBytes = size_t{1} << 20;

constexpr size_t RoundUp(size_t n, size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// The greatest power of two of rows that fit, at least one.
uint32_t RowsWithin(size_t bytes, size_t row_bytes) {
  return std::bit_floor(static_cast<uint32_t>(std::max<size_t>(bytes / row_bytes, 1)));
}

uint32_t CapacityFor(size_t exact_row_bytes) {
  return static_cast<uint32_t>(
      std::min(GrowingSegment::kMaxRows, GrowingSegment::kMaxExactBytes / exact_row_bytes));
}

}  // namespace

GrowingSegment::GrowingSegment(Metric metric, uint32_t dimension)
    : metric_(metric),
      dimension_(dimension),
      exact_stride_(RoundUp(dimension, kAlignment / sizeof(float))),
      code_stride_(RoundUp(dimension, kCodePadding)),
      row_bytes_(exact_stride_ * sizeof(float) + code_stride_ + sizeof(RowInfo)),
      capacity_(CapacityFor(exact_stride_ * sizeof(float))),
      first_chunk_rows_(RowsWithin(kFirstChunkBytes, row_bytes_)),
      full_chunk_rows_(RowsWithin(kFullChunkBytes, row_bytes_)),
      doubling_chunks_(
          static_cast<uint32_t>(std::bit_width(full_chunk_rows_ / first_chunk_rows_))) {
  KITH_CHECK(dimension >= 1 && dimension <= kMaxDimension, "ValidateDimension comes first");
  KITH_CHECK(PlaceOf(capacity_ - 1).chunk < kMaxChunks, "the table of chunks holds the capacity");
}

GrowingSegment::~GrowingSegment() = default;

void GrowingSegment::Free::operator()(std::byte* memory) const {
  ::operator delete (memory, std::align_val_t{kAlignment});
}

// Chunk 0 has c rows, chunk j up to row M the rows from c 2^(j-1) to c 2^j, all later ones M rows.
GrowingSegment::Place GrowingSegment::PlaceOf(uint32_t slot) const {
  if (slot < full_chunk_rows_) {
    const uint32_t chunk = static_cast<uint32_t>(std::bit_width(slot / first_chunk_rows_));
    return {chunk, chunk == 0 ? slot : slot - (first_chunk_rows_ << (chunk - 1))};
  }
  return {doubling_chunks_ + slot / full_chunk_rows_ - 1, slot % full_chunk_rows_};
}

uint32_t GrowingSegment::ChunkRows(uint32_t chunk) const {
  if (chunk == 0) return first_chunk_rows_;
  if (chunk < doubling_chunks_) return first_chunk_rows_ << (chunk - 1);
  return full_chunk_rows_;
}

uint32_t GrowingSegment::ChunksFor(uint32_t rows) const {
  return rows == 0 ? 0 : PlaceOf(rows - 1).chunk + 1;
}

size_t GrowingSegment::BytesToReserve(uint32_t rows) const {
  const uint32_t chunks = ChunksFor(size_ + rows);
  size_t bytes = 0;
  for (uint32_t chunk = chunk_count_; chunk < chunks; ++chunk)
    bytes += ChunkRows(chunk) * row_bytes_;
  return bytes;
}

absl::Status GrowingSegment::Reserve(uint32_t rows) {
  KITH_CHECK(rows <= capacity_ - size_, "a segment is never asked for more than it holds");
  const uint32_t chunks = ChunksFor(size_ + rows);
  for (; chunk_count_ < chunks; ++chunk_count_) {
    const size_t bytes = ChunkRows(chunk_count_) * row_bytes_;
    void* memory = ::operator new (bytes, std::align_val_t{kAlignment}, std::nothrow);
    if (memory == nullptr) {
      return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
                   "the system gave no memory for {} rows of vectors ({} bytes)",
                   ChunkRows(chunk_count_), bytes)
          .With("bytes", bytes);
    }
    chunks_[chunk_count_].reset(static_cast<std::byte*>(memory));
    memory_bytes_ += bytes;
  }
  return absl::OkStatus();
}

float* GrowingSegment::ExactAt(Place place) const {
  return reinterpret_cast<float*>(chunks_[place.chunk].get()) + place.offset * exact_stride_;
}

int8_t* GrowingSegment::CodesAt(Place place) const {
  const size_t before = ChunkRows(place.chunk) * exact_stride_ * sizeof(float);
  return reinterpret_cast<int8_t*>(chunks_[place.chunk].get() + before) +
         place.offset * code_stride_;
}

RowInfo* GrowingSegment::InfoAt(Place place) const {
  const size_t before = ChunkRows(place.chunk) * (exact_stride_ * sizeof(float) + code_stride_);
  return reinterpret_cast<RowInfo*>(chunks_[place.chunk].get() + before) + place.offset;
}

void GrowingSegment::Append(uint64_t ordinal, uint32_t passage_index,
                            std::span<const float> vector) {
  KITH_CHECK(size_ < capacity_ && ChunksFor(size_ + 1) <= chunk_count_, "Reserve comes first");
  KITH_CHECK(vector.size() == dimension_, "ValidateVector comes first");
  KITH_CHECK(size_ == 0 || ordinal > Info(size_ - 1).ordinal, "ordinals ascend");
  const Place place = PlaceOf(size_);
  float* exact = ExactAt(place);
  std::copy(vector.begin(), vector.end(), exact);
  std::fill(exact + dimension_, exact + exact_stride_, 0.0f);
  int8_t* codes = CodesAt(place);
  const Quantized quantized = QuantizeRow(vector, codes);
  std::fill(codes + dimension_, codes + code_stride_, int8_t{0});

  RowInfo info = {.ordinal = ordinal,
                  .scale = quantized.scale,
                  .residual = quantized.residual,
                  .norm = quantized.norm,
                  .passage_index = passage_index};
  if (metric_ == Metric::kCosine) {
    info.norm = 1 / quantized.norm;
    info.scale *= info.norm;
    info.residual *= info.norm;
  } else if (metric_ == Metric::kL2) {
    info.norm = quantized.code_norm * quantized.code_norm;
  }
  new (InfoAt(place)) RowInfo(info);
  ++size_;
}

const float* GrowingSegment::Exact(uint32_t slot) const { return ExactAt(PlaceOf(slot)); }

const int8_t* GrowingSegment::Codes(uint32_t slot) const { return CodesAt(PlaceOf(slot)); }

const RowInfo& GrowingSegment::Info(uint32_t slot) const { return *InfoAt(PlaceOf(slot)); }

GrowingSegment::Run GrowingSegment::RunAt(uint32_t first, uint32_t end) const {
  const Place place = PlaceOf(first);
  return {.first = first,
          .count = std::min(end - first, ChunkRows(place.chunk) - place.offset),
          .exact = ExactAt(place),
          .codes = CodesAt(place),
          .info = InfoAt(place)};
}

uint32_t GrowingSegment::LowerBound(uint64_t ordinal, uint32_t visible) const {
  uint32_t low = 0;
  uint32_t high = visible;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (Info(middle).ordinal < ordinal) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace kith::index
