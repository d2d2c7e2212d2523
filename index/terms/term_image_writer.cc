#include "index/terms/term_image_writer.h"

#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "index/terms/posting_block.h"
#include "index/terms/posting_list.h"
#include "index/terms/varint.h"
#include "kith/base/check.h"
#include "kith/base/error.h"

namespace kith::index {
namespace {

template <typename T>
void AppendBytes(std::string& out, const T* values, size_t count) {
  out.append(reinterpret_cast<const char*>(values), count * sizeof(T));
}

}  // namespace

TermImageWriter::TermImageWriter(std::string_view analyser, std::vector<uint32_t> lengths)
    : analyser_(analyser), lengths_(std::move(lengths)) {
  header_.rows = static_cast<uint32_t>(lengths_.size());
  for (const uint32_t length : lengths_) header_.total_length += length;
}

void TermImageWriter::Add(std::string_view term, std::span<const uint32_t> slots,
                          std::span<const uint32_t> tfs) {
  KITH_DCHECK(slots.size() == tfs.size() && !slots.empty(), "promised by the caller");
  KITH_DCHECK(header_.terms == 0 || last_term_ < term, "terms come in ascending order");
  AddSpelling(term, static_cast<uint32_t>(slots.size()));
  const size_t begin = postings_.size();
  if (slots.size() < kBlockPostings) {
    uint32_t base = 0;
    for (size_t i = 0; i < slots.size(); ++i) {
      EncodeTailPosting(slots[i], tfs[i], base, postings_);
      base = slots[i] + 1;
    }
  } else {
    AddLongList(slots, tfs);
  }
  PutVarint(dictionary_, postings_.size() - begin);
  ++header_.terms;
}

void TermImageWriter::AddSpelling(std::string_view term, uint32_t count) {
  size_t shared = 0;
  if (header_.terms % term_image::kBlockTerms == 0) {
    dictionary_index_.push_back({dictionary_.size(), postings_.size()});
  } else {
    const size_t most = std::min(term.size(), last_term_.size());
    while (shared < most && term[shared] == last_term_[shared]) ++shared;
  }
  PutVarint(dictionary_, shared);
  PutVarint(dictionary_, term.size() - shared);
  dictionary_ += term.substr(shared);
  PutVarint(dictionary_, count);
  last_term_ = term;
}

void TermImageWriter::AddLongList(std::span<const uint32_t> slots, std::span<const uint32_t> tfs) {
  coded_.clear();
  ends_.clear();
  last_slots_.clear();
  impacts_.clear();
  group_impacts_.clear();
  uint32_t base = 0;
  uint32_t block = 0;
  for (size_t begin = 0; begin < slots.size(); begin += kBlockPostings, ++block) {
    const size_t end = std::min<size_t>(begin + kBlockPostings, slots.size());
    if (end - begin == kBlockPostings) {
      EncodeFullBlock(slots.data() + begin, tfs.data() + begin, base, coded_);
    } else {
      for (size_t i = begin; i < end; ++i) {
        EncodeTailPosting(slots[i], tfs[i], i == begin ? base : slots[i - 1] + 1, coded_);
      }
    }
    block_impacts_.Clear();
    for (size_t i = begin; i < end; ++i) block_impacts_.Add(tfs[i], lengths_[slots[i]]);
    block_impacts_.AppendTo(impacts_);
    if (block % PostingList::kGroupBlocks == 0) group_.Clear();
    group_.Add(block_impacts_);
    if (block % PostingList::kGroupBlocks == PostingList::kGroupBlocks - 1 || end == slots.size()) {
      group_.AppendTo(group_impacts_);
    }
    too_long_ |= coded_.size() > std::numeric_limits<uint32_t>::max();
    const auto coded_end = static_cast<uint32_t>(coded_.size());
    AppendBytes(ends_, &coded_end, 1);
    AppendBytes(last_slots_, &slots[end - 1], 1);
    base = slots[end - 1] + 1;
  }
  postings_ += last_slots_;
  postings_ += ends_;
  postings_ += impacts_;
  postings_ += group_impacts_;
  postings_ += coded_;
}

absl::StatusOr<std::string> TermImageWriter::Finish() {
  if (too_long_) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kIndexDebt,
                 "terms: the postings of one term in {} rows take more than 4 GiB", header_.rows);
  }
  header_.analyser_bytes = static_cast<uint32_t>(analyser_.size());
  header_.dictionary_bytes = dictionary_.size();
  header_.postings_bytes = postings_.size();
  header_.size_bytes = sizeof(header_) + analyser_.size() + lengths_.size() * sizeof(uint32_t) +
                       dictionary_index_.size() * sizeof(term_image::IndexEntry) +
                       dictionary_.size() + postings_.size() + term_image::kChecksumBytes;
  std::string image;
  image.reserve(header_.size_bytes);
  AppendBytes(image, &header_, 1);
  image += analyser_;
  AppendBytes(image, lengths_.data(), lengths_.size());
  AppendBytes(image, dictionary_index_.data(), dictionary_index_.size());
  image += dictionary_;
  image += postings_;
  const uint64_t checksum = XXH3_64bits(image.data(), image.size());
  AppendBytes(image, &checksum, 1);
  return image;
}

}  // namespace kith::index
