// FacetCounter: how many documents have each value of a field, among those that a filter lets
// through.
//
//   FacetCounter counter("lang");
//   for (segment : view) counter.Add(segment.metadata, allowed);    // without the deleted ones
//   for (const FacetCount& facet : counter.Top(10)) ...
//
// Not thread-safe.

#ifndef KITH_INDEX_METADATA_FACETS_H_
#define KITH_INDEX_METADATA_FACETS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "index/metadata/metadata_runs.h"
#include "index/metadata/value_view.h"
#include "index/slot_set.h"
#include "kith/base/call.h"

namespace kith::index {

struct FacetCount {
  ScalarValue value;  // an int64 that a double equals counts as one with it
  uint64_t documents = 0;
  uint64_t passages = 0;

  friend bool operator==(const FacetCount&, const FacetCount&) = default;
};

class FacetCounter {
 public:
  explicit FacetCounter(std::string_view field);
  ~FacetCounter();

  // Adds the slots of one segment. A document counts at its first passage, once for each value of a
  // list. RESOURCE_EXHAUSTED (LIMIT_OUT_OF_RANGE) once there are more than kMaxFacetValues
  // different values; CANCELLED or DEADLINE_EXCEEDED once nobody waits any more.
  absl::Status Add(const MetadataRuns& runs, const SlotSet& allowed, const Call& call);

  // Those of most documents first, the lesser value first among equals.
  std::vector<FacetCount> Top(size_t limit) const;

  size_t values() const;       // different ones
  uint64_t documents() const;  // that have the field
  static constexpr size_t kMaxFacetValues = 1'000'000;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_FACETS_H_
