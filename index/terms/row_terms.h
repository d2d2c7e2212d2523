// RowTerms: the terms of one passage, or of one query, as a TermAnalyser gave them: which terms,
// how often each, how many in all. What growing and sealed term indexes are made of, and asked
// with.
//
// A value. Thread-safe as such.

#ifndef KITH_INDEX_TERMS_ROW_TERMS_H_
#define KITH_INDEX_TERMS_ROW_TERMS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kith::index {

class RowTerms {
 public:
  // A term is at most so many bytes long; see AnalyserOptions::max_term_bytes.
  static constexpr size_t kMaxTermBytes = 255;

  RowTerms() = default;

  // Of occurrences in any order. REQUIRES: none is empty or longer than kMaxTermBytes; together
  // they are shorter than 4 GiB.
  static RowTerms Of(const std::vector<std::string_view>& occurrences);

  // Different terms, ascending by their bytes.
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  std::string_view term(size_t i) const {
    return std::string_view(bytes_).substr(entries_[i].offset, entries_[i].size);
  }
  uint32_t count(size_t i) const { return entries_[i].count; }  // at least 1

  // The sum of all counts: what BM25 calls the length of a document.
  uint32_t length() const { return length_; }

  size_t memory_bytes() const {
    return sizeof(*this) + bytes_.capacity() + entries_.capacity() * sizeof(Entry);
  }

 private:
  struct Entry {
    uint32_t offset;
    uint32_t size;
    uint32_t count;
  };

  std::string bytes_;
  std::vector<Entry> entries_;
  uint32_t length_ = 0;
};

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_ROW_TERMS_H_
