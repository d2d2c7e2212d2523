#include "index/row_vectors.h"

#include <optional>

#include "index/sealed_parts.h"
#include "kith/base/check.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr size_t kRowsPerCheck = 256;

}  // namespace

absl::StatusOr<std::vector<float>> RowVectors(const IndexView& view,
                                              std::span<const uint64_t> ordinals,
                                              const Call& call) {
  const size_t dimension = view.options().dimension;
  std::vector<float> vectors;
  vectors.reserve(ordinals.size() * dimension);
  for (size_t i = 0; i < ordinals.size(); ++i) {
    if (i % kRowsPerCheck == 0) KITH_RETURN_IF_ERROR(call.Check());
    const std::optional<RowPlace> place = view.Find(ordinals[i]);
    KITH_CHECK(place.has_value(), "rows are of this view");
    const SegmentView& segment = view.segments()[place->segment];
    const float* values = nullptr;
    if (segment.sealed != nullptr) {
      const ExactRows& rows = *segment.sealed->parts().exact;
      values = rows.Row(place->slot).values;
      if (values == nullptr) return rows.DamageOf(place->slot);
    } else {
      values = segment.growing->Exact(place->slot);
    }
    vectors.insert(vectors.end(), values, values + dimension);
  }
  return vectors;
}

}  // namespace kith::index
