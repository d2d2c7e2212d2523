// Room that ends right before a page which must not be touched: one byte read or written too far
// ends the test.

#ifndef KITH_TESTS_INDEX_FENCED_H_
#define KITH_TESTS_INDEX_FENCED_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>

#include "gtest/gtest.h"

namespace kith::index {

class Fenced {
 public:
  explicit Fenced(size_t bytes) : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    size_ = (bytes + page_ - 1) / page_ * page_ + page_;
    base_ = static_cast<char*>(
        mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_NE(base_, MAP_FAILED);
    EXPECT_EQ(mprotect(base_ + size_ - page_, page_, PROT_NONE), 0);
  }
  ~Fenced() { munmap(base_, size_); }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;

  // The last n elements but `gap` before the fence.
  template <typename T>
  T* Last(size_t n, size_t gap = 0) {
    return reinterpret_cast<T*>(base_ + size_ - page_) - n - gap;
  }

 private:
  const size_t page_;
  size_t size_;
  char* base_;
};

}  // namespace kith::index

#endif  // KITH_TESTS_INDEX_FENCED_H_
