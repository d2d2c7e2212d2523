#include "index/terms/term_index.h"

#include <algorithm>

#include "index/terms/term_image.h"
#include "index/terms/varint.h"

namespace kith::index {
namespace {

term_image::IndexEntry LoadEntry(const std::byte* dictionary_index, uint32_t block) {
  term_image::IndexEntry entry;
  std::memcpy(&entry, dictionary_index + size_t{block} * sizeof(entry), sizeof(entry));
  return entry;
}

}  // namespace

TermIndex::Iterator::Iterator(const TermIndex& index, uint32_t block) {
  const term_image::IndexEntry entry = LoadEntry(index.dictionary_index_, block);
  left_ = index.terms_ - block * term_image::kBlockTerms;
  at_ = index.dictionary_ + entry.dictionary_offset;
  list_end_ = index.postings_ + entry.postings_offset;
}

bool TermIndex::Iterator::Next() {
  if (left_ == 0) return false;
  --left_;
  const size_t shared = GetVarint(at_);
  const size_t size = GetVarint(at_);
  term_.resize(shared);
  term_.append(reinterpret_cast<const char*>(at_), size);
  at_ += size;
  const auto count = static_cast<uint32_t>(GetVarint(at_));
  postings_ = PostingList(list_end_, count);
  list_end_ += GetVarint(at_);
  return true;
}

PostingList TermIndex::Find(std::string_view term) const {
  // The last block that begins at or below the term: blocks [0, end) do, if any.
  uint32_t begin = 0;
  uint32_t end = term_image::TermBlocks(terms_);
  while (begin < end) {
    const uint32_t middle = begin + (end - begin) / 2;
    const std::byte* at = dictionary_ + LoadEntry(dictionary_index_, middle).dictionary_offset;
    GetVarint(at);  // shares nothing
    const size_t size = GetVarint(at);
    if (std::string_view(reinterpret_cast<const char*>(at), size) <= term) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  if (begin == 0) return {};
  Iterator it(*this, begin - 1);
  for (uint32_t i = 0; i < term_image::kBlockTerms && it.Next(); ++i) {
    if (it.term() >= term) return it.term() == term ? it.postings() : PostingList();
  }
  return {};
}

}  // namespace kith::index
