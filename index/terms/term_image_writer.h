// TermImageWriter: terms in ascending order -> the image of a TermIndex. What TermIndexBuilder and
// MergeTermIndexes have in common. Internal to index/terms/.
//
// Not thread-safe.

#ifndef KITH_INDEX_TERMS_TERM_IMAGE_WRITER_H_
#define KITH_INDEX_TERMS_TERM_IMAGE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "index/terms/impacts.h"
#include "index/terms/term_image.h"

namespace kith::index {

class TermImageWriter {
 public:
  // `lengths`: of all rows; their number is that of the rows.
  TermImageWriter(std::string_view analyser, std::vector<uint32_t> lengths);

  // The next term. REQUIRES: it is above the one before; slots ascend; at least one, and as many
  // tfs.
  void Add(std::string_view term, std::span<const uint32_t> slots, std::span<const uint32_t> tfs);

  // The image. RESOURCE_EXHAUSTED (INDEX_DEBT) if a list got longer than the format allows (4 GiB).
  // The writer is of no use afterwards.
  absl::StatusOr<std::string> Finish();

 private:
  void AddSpelling(std::string_view term, uint32_t count);
  void AddLongList(std::span<const uint32_t> slots, std::span<const uint32_t> tfs);

  const std::string analyser_;
  const std::vector<uint32_t> lengths_;

  term_image::Header header_;
  std::string last_term_;
  std::vector<term_image::IndexEntry> dictionary_index_;
  std::string dictionary_;
  std::string postings_;
  bool too_long_ = false;

  // Of one list.
  std::string coded_;
  std::string ends_;
  std::string last_slots_;
  std::string impacts_;
  std::string group_impacts_;
  ImpactCollector block_impacts_;
  ImpactCollector group_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_TERM_IMAGE_WRITER_H_
