#include "encoder/byte_trie.h"

#include <algorithm>

namespace kith::encoder {

// A node is a range of sorted keys that share a prefix; its children are the ranges that share one
// byte more.
ByteTrie::ByteTrie(std::vector<std::pair<std::string_view, int32_t>> keys) {
  struct Range {
    size_t first, last;
  };
  std::erase_if(keys, [](const auto& key) { return key.first.empty(); });
  std::sort(keys.begin(), keys.end());

  nodes_.emplace_back();
  std::vector<Range> level = {{0, keys.size()}};
  std::vector<unsigned char> bytes;
  uint32_t node = kRoot;  // of the first range in `level`; the others follow
  for (size_t depth = 0; !level.empty(); ++depth) {
    std::vector<Range> next;
    for (Range range : level) {
      if (range.first < range.last && keys[range.first].first.size() == depth) {
        nodes_[node].value = keys[range.first].second;
        ++range.first;  // the shortest key sorts first, and there is only one
      }
      bytes.clear();
      for (size_t i = range.first; i < range.last; ++i) {
        const auto byte = static_cast<unsigned char>(keys[i].first[depth]);
        if (bytes.empty() || bytes.back() != byte) {
          bytes.push_back(byte);
          next.push_back({i, i});
        }
        ++next.back().last;
      }
      if (!bytes.empty()) {
        const auto first_child = static_cast<uint32_t>(nodes_.size());
        nodes_.resize(nodes_.size() + bytes.size());
        SetChildren(node, first_child, bytes);
      }
      ++node;
    }
    level = std::move(next);
  }
  nodes_.shrink_to_fit();
  bitmaps_.shrink_to_fit();
}

void ByteTrie::SetChildren(uint32_t node, uint32_t first_child,
                           const std::vector<unsigned char>& bytes) {
  nodes_[node].first_child = first_child;
  if (bytes.size() > kFewChildren) {
    nodes_[node].first_child |= kManyChildren;
    nodes_[node].children = bitmaps_.size();
    Bitmap& bits = bitmaps_.emplace_back();
    for (unsigned char byte : bytes) bits[byte / 64] |= uint64_t{1} << byte % 64;
    return;
  }
  nodes_[node].children = kLowBits * bytes[0];
  for (size_t i = 1; i < bytes.size(); ++i) {
    nodes_[node].children &= ~(uint64_t{0xFF} << 8 * i);
    nodes_[node].children |= uint64_t{bytes[i]} << 8 * i;
  }
}

}  // namespace kith::encoder
