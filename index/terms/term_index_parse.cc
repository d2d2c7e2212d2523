// TermIndex::Parse: nothing that an image says is believed before it was looked at.

#include <xxhash.h>

#include <cstring>
#include <string>

#include "index/terms/analyser.h"
#include "index/terms/row_terms.h"
#include "index/terms/term_image.h"
#include "index/terms/term_index.h"
#include "index/terms/varint.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

using term_image::Header;
using term_image::IndexEntry;

template <typename... Args>
absl::Status Damaged(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption, "terms: {}",
               fmt::format(format, std::forward<Args>(args)...));
}

absl::Status CheckHeader(const Header& header, uint64_t image_bytes) {
  if (header.magic != term_image::kMagic) return Damaged("magic {:016x}", header.magic);
  if (header.version != term_image::kVersion) {
    return Damaged("version {}, this program reads {}", header.version, term_image::kVersion);
  }
  if (header.size_bytes != image_bytes) {
    return Damaged("{} bytes expected, {} there", header.size_bytes, image_bytes);
  }
  if (header.reserved != 0 || header.analyser_bytes > TermAnalyser::kMaxIdentityBytes) {
    return Damaged("an analyser of {} bytes, at most {}; reserved {}", header.analyser_bytes,
                   TermAnalyser::kMaxIdentityBytes, header.reserved);
  }
  // None of these can overflow once each is known to be within the image.
  if (header.dictionary_bytes > image_bytes || header.postings_bytes > image_bytes) {
    return Damaged("a dictionary of {} and postings of {} bytes in {}", header.dictionary_bytes,
                   header.postings_bytes, image_bytes);
  }
  const uint64_t needed = sizeof(Header) + header.analyser_bytes + uint64_t{4} * header.rows +
                          uint64_t{16} * term_image::TermBlocks(header.terms) +
                          header.dictionary_bytes + header.postings_bytes +
                          term_image::kChecksumBytes;
  if (needed != image_bytes) {
    return Damaged("{} rows and {} terms need {} bytes, {} there", header.rows, header.terms,
                   needed, image_bytes);
  }
  return absl::OkStatus();
}

absl::Status CheckChecksum(std::span<const std::byte> image) {
  const size_t size = image.size() - term_image::kChecksumBytes;
  uint64_t stored;
  std::memcpy(&stored, image.data() + size, sizeof(stored));
  const uint64_t computed = XXH3_64bits(image.data(), size);
  if (stored != computed) return Damaged("checksum {:016x}, computed {:016x}", stored, computed);
  return absl::OkStatus();
}

// Walks the dictionary and all lists, as an Iterator does later without looking.
class DictionaryCheck {
 public:
  DictionaryCheck(const Header& header, const std::byte* index,
                  std::span<const std::byte> dictionary, std::span<const std::byte> postings)
      : header_(header), index_(index), dictionary_(dictionary), postings_(postings) {}

  absl::Status Run() {
    for (uint32_t i = 0; i < header_.terms; ++i) KITH_RETURN_IF_ERROR(CheckTerm(i));
    if (at_ != dictionary_.size() || list_ != postings_.size()) {
      return Damaged("{} terms take {} of {} bytes, their postings {} of {}", header_.terms, at_,
                     dictionary_.size(), list_, postings_.size());
    }
    return absl::OkStatus();
  }

 private:
  bool Number(uint64_t& value) {
    const std::byte* at = dictionary_.data() + at_;
    if (!GetVarintUntrusted(at, dictionary_.data() + dictionary_.size(), value)) return false;
    at_ = static_cast<size_t>(at - dictionary_.data());
    return true;
  }

  absl::Status CheckTerm(uint32_t i) {
    const bool first = i % term_image::kBlockTerms == 0;
    if (first) {
      IndexEntry entry;
      std::memcpy(&entry, index_ + size_t{16} * (i / term_image::kBlockTerms), sizeof(entry));
      if (entry.dictionary_offset != at_ || entry.postings_offset != list_) {
        return Damaged("term {} is at {} with postings at {}, not at {} and {}", i, at_, list_,
                       entry.dictionary_offset, entry.postings_offset);
      }
    }
    uint64_t shared, size, count, list_bytes;
    if (!Number(shared) || !Number(size)) return Damaged("term {}: cut short", i);
    if (shared > (first ? 0 : term_.size()) || size > RowTerms::kMaxTermBytes ||
        shared + size > RowTerms::kMaxTermBytes || size > dictionary_.size() - at_) {
      return Damaged("term {}: {} bytes shared, {} of its own", i, shared, size);
    }
    next_.assign(term_, 0, shared);
    next_.append(reinterpret_cast<const char*>(dictionary_.data() + at_), size);
    at_ += size;
    if (next_.empty() || (i > 0 && next_ <= term_)) return Damaged("term {}: out of order", i);
    term_.swap(next_);
    if (!Number(count) || !Number(list_bytes) || count > header_.rows ||
        list_bytes > postings_.size() - list_) {
      return Damaged("term {}: its postings are out of range", i);
    }
    const auto checked = PostingList::CheckedSize(postings_.subspan(list_, list_bytes),
                                                  static_cast<uint32_t>(count), header_.rows);
    if (checked != list_bytes) {
      return Damaged("term {}: {} bytes are not a list of {} postings below {}", i, list_bytes,
                     count, header_.rows);
    }
    list_ += list_bytes;
    return absl::OkStatus();
  }

  const Header& header_;
  const std::byte* const index_;
  const std::span<const std::byte> dictionary_;
  const std::span<const std::byte> postings_;
  size_t at_ = 0;    // in dictionary_
  size_t list_ = 0;  // in postings_
  std::string term_;
  std::string next_;
};

}  // namespace

absl::StatusOr<TermIndex> TermIndex::Parse(std::span<const std::byte> image) {
  Header header;
  if (image.size() < sizeof(header) + term_image::kChecksumBytes) {
    return Damaged("{} bytes, at least {}", image.size(),
                   sizeof(header) + term_image::kChecksumBytes);
  }
  std::memcpy(&header, image.data(), sizeof(header));
  KITH_RETURN_IF_ERROR(CheckHeader(header, image.size()));
  KITH_RETURN_IF_ERROR(CheckChecksum(image));

  TermIndex index;
  index.rows_ = header.rows;
  index.terms_ = header.terms;
  index.total_length_ = header.total_length;
  index.size_bytes_ = image.size();
  const std::byte* at = image.data() + sizeof(header);
  index.analyser_ = {reinterpret_cast<const char*>(at), header.analyser_bytes};
  index.lengths_ = at + header.analyser_bytes;
  index.dictionary_index_ = index.lengths_ + size_t{4} * header.rows;
  index.dictionary_ =
      index.dictionary_index_ + sizeof(IndexEntry) * term_image::TermBlocks(header.terms);
  index.postings_ = index.dictionary_ + header.dictionary_bytes;

  uint64_t total_length = 0;
  for (uint32_t slot = 0; slot < header.rows; ++slot) total_length += index.length(slot);
  if (total_length != header.total_length) {
    return Damaged("a total length of {}, {} are there", header.total_length, total_length);
  }
  KITH_RETURN_IF_ERROR(DictionaryCheck(header, index.dictionary_index_,
                                       {index.dictionary_, header.dictionary_bytes},
                                       {index.postings_, header.postings_bytes})
                           .Run());
  return index;
}

}  // namespace kith::index
