// What is fixed for the life of a vector space's index, and the range of ordinals that a part of it
// answers for. Shared by everything in index/.

#ifndef KITH_INDEX_INDEX_OPTIONS_H_
#define KITH_INDEX_INDEX_OPTIONS_H_

#include <cstdint>
#include <string>

#include "index/kernels/kernels.h"
#include "index/metric.h"

namespace kith::index {

struct IndexOptions {
  uint32_t dimension = 0;
  Metric metric = Metric::kCosine;
  const Kernels* kernels = &BestKernels();  // another set may be forced: FindKernels(name)

  // Whether segments have companions: the terms and the metadata of their rows, slot by slot. If
  // not, the index takes and shows vectors alone.
  bool companions = false;
  // TermAnalyser::identity() of whoever makes the rows' terms; empty: rows have none.
  std::string analyser = {};
};

// Ordinals begin <= o < end.
struct OrdinalRange {
  uint64_t begin = 0;
  uint64_t end = 0;

  bool Contains(uint64_t ordinal) const { return begin <= ordinal && ordinal < end; }
  friend bool operator==(const OrdinalRange&, const OrdinalRange&) = default;
};

}  // namespace kith::index

#endif  // KITH_INDEX_INDEX_OPTIONS_H_
