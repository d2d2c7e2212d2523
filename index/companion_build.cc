#include "index/companion_build.h"

#include <deque>
#include <vector>

#include "index/metadata/fold_metadata.h"
#include "index/segment_build.h"
#include "index/terms/term_index.h"
#include "index/terms/term_index_builder.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

// Of what a build keeps to find its way from old slots to new ones.
constexpr uint64_t kRowBytes = 20;

KeepRow LiveRowsOf(const SegmentView& input) {
  if (input.deleted.empty()) return nullptr;
  return [&input](uint32_t slot) { return !input.deleted.Contains(slot); };
}

absl::StatusOr<std::string> TermImageOf(const IndexOptions& index, const SegmentView& growing,
                                        const Call& call) {
  TermIndexBuilder builder(index.analyser);
  builder.Add(*growing.growing_terms, growing.visible, LiveRowsOf(growing));
  return builder.Build(call);
}

}  // namespace

absl::StatusOr<std::string> BuildTermImage(const IndexOptions& index,
                                           std::span<const SegmentView> inputs, const Call& call) {
  if (inputs.size() == 1 && inputs[0].growing != nullptr) {
    return TermImageOf(index, inputs[0], call);
  }
  // Those of growing segments are frozen first; deques, so that what is pointed at stays.
  std::deque<std::string> images;
  std::deque<TermIndex> frozen;
  std::vector<TermMergeSource> sources;
  for (const SegmentView& input : inputs) {
    if (input.sealed != nullptr) {
      sources.push_back({input.sealed->terms(), LiveRowsOf(input)});
      continue;
    }
    KITH_ASSIGN_OR_RETURN(images.emplace_back(), TermImageOf(index, input, call));
    KITH_ASSIGN_OR_RETURN(frozen.emplace_back(),
                          TermIndex::Parse(std::as_bytes(std::span(images.back()))));
    sources.push_back({&frozen.back(), nullptr});
  }
  return MergeTermIndexes(sources, call);
}

absl::StatusOr<std::string> BuildMetadataImage(std::span<const SegmentView> inputs,
                                               const Call& call) {
  std::vector<MetadataSource> sources;
  for (const SegmentView& input : inputs) {
    sources.push_back({&input.metadata, input.visible, LiveRowsOf(input)});
  }
  return FoldMetadata(sources, call);
}

// Images are held twice while they are put together: once in parts, once whole.
CompanionEstimate EstimateCompanions(std::span<const SegmentView> inputs) {
  CompanionEstimate estimate;
  uint64_t rows = 0;
  for (const SegmentView& input : inputs) {
    rows += input.live_rows();
    if (input.sealed != nullptr && input.sealed->terms() != nullptr) {
      estimate.resident_bytes += input.sealed->terms()->size_bytes();
    }
    if (input.growing_terms != nullptr) {
      estimate.resident_bytes += input.growing_terms->memory_bytes();
    }
    estimate.resident_bytes += input.metadata.memory_bytes();
  }
  estimate.build_bytes = 2 * estimate.resident_bytes + kRowBytes * rows;
  return estimate;
}

}  // namespace kith::index
