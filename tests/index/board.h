// Board: where a test's writer leaves the newest view for readers on other threads.

#ifndef KITH_TESTS_INDEX_BOARD_H_
#define KITH_TESTS_INDEX_BOARD_H_

#include <cstdint>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "index/index_view.h"

namespace kith::index {

// A vector of its own for every ordinal, always the same.
inline std::vector<float> VectorOf(uint64_t ordinal, uint32_t dimension) {
  std::mt19937 random(static_cast<uint32_t>(ordinal));
  std::vector<float> v(dimension, 0.25f);
  for (int i = 0; i < 8; ++i) {
    v[random() % dimension] += static_cast<float>(random() % 1000) / 500.0f - 1.0f;
  }
  return v;
}

// What a view must show: ordinals [begin, end), all of them.
struct Published {
  IndexView view;
  uint64_t begin = 0;
  uint64_t end = 0;
};

class Board {
 public:
  void Put(Published published) {
    absl::MutexLock lock(&mu_);
    current_ = std::move(published);
  }
  std::optional<Published> Get() const {
    absl::MutexLock lock(&mu_);
    return current_;
  }

 private:
  mutable absl::Mutex mu_;
  std::optional<Published> current_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kith::index

#endif  // KITH_TESTS_INDEX_BOARD_H_
