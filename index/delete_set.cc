#include "index/delete_set.h"

#include <algorithm>
#include <utility>

namespace kith::index {

DeleteSet DeleteSet::With(std::span<const uint32_t> slots) const {
  if (slots.empty()) return *this;
  auto root = root_ == nullptr ? std::make_shared<Root>() : std::make_shared<Root>(*root_);
  const uint32_t pages = *std::max_element(slots.begin(), slots.end()) / kPageBits + 1;
  if (root->pages.size() < pages) root->pages.resize(pages);
  // Pages copied for this set, which alone may be written to.
  std::vector<Page*> own(root->pages.size());
  for (uint32_t slot : slots) {
    const uint32_t index = slot / kPageBits;
    if (own[index] == nullptr) {
      auto page = root->pages[index] == nullptr ? std::make_shared<Page>(Page{})
                                                : std::make_shared<Page>(*root->pages[index]);
      own[index] = page.get();
      root->pages[index] = std::move(page);
    }
    uint64_t& word = (*own[index])[slot % kPageBits / 64];
    const uint64_t bit = uint64_t{1} << (slot % 64);
    if ((word & bit) == 0) ++root->count;
    word |= bit;
  }
  DeleteSet next;
  next.root_ = std::move(root);
  return next;
}

size_t DeleteSet::memory_bytes() const {
  if (root_ == nullptr) return 0;
  size_t bytes = sizeof(Root) + root_->pages.capacity() * sizeof(root_->pages[0]);
  for (const auto& page : root_->pages) bytes += page == nullptr ? 0 : sizeof(Page);
  return bytes;
}

}  // namespace kith::index
