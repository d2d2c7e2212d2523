// MeasureSketches: what scans by sketch cost in a segment that is being sealed, and whether they
// find what scans of all codes find. Internal to index/.

#ifndef KITH_INDEX_SKETCH_SAMPLING_H_
#define KITH_INDEX_SKETCH_SAMPLING_H_

#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "index/codes/sketch_book.h"
#include "index/kernels/kernels.h"
#include "index/sketch_scan.h"
#include "kith/base/call.h"

namespace kith::index {

// Queries are some of `sample`, rows of the segment. Nothing where sketches lose rows, or hardly
// any row is out of reach by its sketch: then they are not worth their bytes.
absl::StatusOr<std::optional<SketchBook::Costs>> MeasureSketches(
    const SketchScan::Rows& rows, std::span<const float* const> sample, const Kernels& kernels,
    const Call& call);

}  // namespace kith::index

#endif  // KITH_INDEX_SKETCH_SAMPLING_H_
