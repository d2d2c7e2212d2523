// IndexBuild: one piece of index work that is queued or runs, for whoever looks on.
//
// Thread-safe where it says so; the rest is constant.

#ifndef KITH_SERVER_ENGINE_INDEXING_INDEX_BUILD_H_
#define KITH_SERVER_ENGINE_INDEXING_INDEX_BUILD_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "index/index_view.h"
#include "kith/base/call.h"

namespace kith::engine {

struct IndexBuild {
  enum class Kind : uint8_t { kSeal, kMerge, kRepair, kFold };

  // What names a segment: two views of it are of the same one.
  static const void* Identity(const index::SegmentView& segment) {
    return segment.sealed != nullptr ? static_cast<const void*>(segment.sealed.get())
                                     : static_cast<const void*>(segment.growing.get());
  }
  bool Takes(const index::SegmentView& segment) const {
    for (const index::SegmentView& input : inputs) {
      if (Identity(input) == Identity(segment)) return true;
    }
    return false;
  }

  Kind kind = Kind::kSeal;
  bool forced = false;                     // somebody asked for it
  std::vector<index::SegmentView> inputs;  // keeps them alive, so that none is named twice
  std::shared_ptr<Call> call;
  uint64_t total = 0;  // live rows
  // Of the View that it works on, from when it has taken one; guarded by the indexer's mutex.
  std::optional<uint64_t> sequence;

  // Relaxed: numbers for people to look at.
  std::atomic<bool> running{false};
  std::atomic<uint64_t> done{0};
  std::atomic<int64_t> begin_ns{0};  // of Call::Clock
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_INDEXING_INDEX_BUILD_H_
