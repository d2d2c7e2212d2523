// TermIndex: the terms of a sealed segment, frozen: which rows have a term, and how often. A view
// of one contiguous image that holds no pointer, so that it is written to a file and read back as
// it stands. docs/formats/terms.md draws it. Made by TermIndexBuilder or MergeTermIndexes, searched
// by term_search.h.
//
// Immutable, cheap to copy, thread-safe. The image must outlive it.

#ifndef KITH_INDEX_TERMS_TERM_INDEX_H_
#define KITH_INDEX_TERMS_TERM_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "index/terms/posting_list.h"

namespace kith::index {

class TermIndex {
 public:
  // Of no rows.
  TermIndex() = default;

  // Looks at every byte of the image, which may come from a damaged or hostile file: the checksum,
  // and then whether all that it says can be read safely. DATA_LOSS (CORRUPTION) with the numbers
  // otherwise. Needs no alignment. `image` must have the image's size.
  static absl::StatusOr<TermIndex> Parse(std::span<const std::byte> image);

  uint32_t rows() const { return rows_; }
  uint32_t terms() const { return terms_; }                // different ones
  uint64_t total_length() const { return total_length_; }  // the sum of all lengths
  std::string_view analyser() const { return analyser_; }  // TermAnalyser::identity()
  size_t size_bytes() const { return size_bytes_; }

  // How many terms the row has, repetitions counted. REQUIRES: slot < rows().
  uint32_t length(uint32_t slot) const {
    uint32_t length;
    std::memcpy(&length, lengths_ + size_t{slot} * sizeof(length), sizeof(length));
    return length;
  }

  // The rows that have the term; an empty list when none has. A binary search.
  PostingList Find(std::string_view term) const;

  // All terms with their lists, ascending by their bytes. Refers to the image, not to the index.
  //
  //   for (TermIndex::Iterator it(index); it.Next();) Use(it.term(), it.postings());
  class Iterator;

 private:
  uint32_t rows_ = 0;
  uint32_t terms_ = 0;
  uint64_t total_length_ = 0;
  size_t size_bytes_ = 0;
  std::string_view analyser_;
  // Sections of the image.
  const std::byte* lengths_ = nullptr;
  const std::byte* dictionary_index_ = nullptr;
  const std::byte* dictionary_ = nullptr;
  const std::byte* postings_ = nullptr;
};

class TermIndex::Iterator {
 public:
  explicit Iterator(const TermIndex& index)
      : left_(index.terms_), at_(index.dictionary_), list_end_(index.postings_) {}

  // Goes to the first term, or to the next one; false if there is none.
  bool Next();

  std::string_view term() const { return term_; }  // until Next
  PostingList postings() const { return postings_; }

 private:
  friend class TermIndex;

  // From the first term of a block on.
  Iterator(const TermIndex& index, uint32_t block);

  uint32_t left_;
  const std::byte* at_;
  const std::byte* list_end_;
  std::string term_;
  PostingList postings_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_TERM_INDEX_H_
