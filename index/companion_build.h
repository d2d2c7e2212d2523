// The companions of a sealed segment that is being built: terms and metadata of those rows of the
// inputs that live on, in their order. Internal to index/.

#ifndef KITH_INDEX_COMPANION_BUILD_H_
#define KITH_INDEX_COMPANION_BUILD_H_

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "index/index_options.h"
#include "index/index_view.h"
#include "kith/base/call.h"

namespace kith::index {

// The image of a TermIndex. REQUIRES: an index with companions; inputs with at least one live row.
absl::StatusOr<std::string> BuildTermImage(const IndexOptions& index,
                                           std::span<const SegmentView> inputs, const Call& call);

// The image of a MetadataIndex. REQUIRES: as above.
absl::StatusOr<std::string> BuildMetadataImage(std::span<const SegmentView> inputs,
                                               const Call& call);

}  // namespace kith::index

#endif  // KITH_INDEX_COMPANION_BUILD_H_
