#include "index/terms/row_terms.h"

#include <algorithm>

#include "kith/base/check.h"

namespace kith::index {

RowTerms RowTerms::Of(const std::vector<std::string_view>& occurrences) {
  std::vector<std::string_view> sorted = occurrences;
  std::sort(sorted.begin(), sorted.end());
  RowTerms row;
  size_t different = 0;
  size_t bytes = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0 && sorted[i] == sorted[i - 1]) continue;
    ++different;
    bytes += sorted[i].size();
  }
  row.entries_.reserve(different);
  row.bytes_.reserve(bytes);
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0 && sorted[i] == sorted[i - 1]) {
      ++row.entries_.back().count;
      continue;
    }
    KITH_DCHECK(!sorted[i].empty() && sorted[i].size() <= kMaxTermBytes, "promised by the caller");
    row.entries_.push_back({.offset = static_cast<uint32_t>(row.bytes_.size()),
                            .size = static_cast<uint32_t>(sorted[i].size()),
                            .count = 1});
    row.bytes_ += sorted[i];
  }
  row.length_ = static_cast<uint32_t>(sorted.size());
  return row;
}

}  // namespace kith::index
