// TopK: the k best of what was pushed, by the order that every answer has: higher score first, then
// lower ordinal. Internal to index/.

#ifndef KITH_INDEX_TOP_K_H_
#define KITH_INDEX_TOP_K_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace kith::index {

inline constexpr float kLowestScore = -std::numeric_limits<float>::infinity();

// `T` has members score and ordinal.
template <typename T>
class TopK {
 public:
  // Nothing below `least` is wanted.
  void Reset(size_t k, float least = kLowestScore) {
    k_ = k;
    least_ = least;
    heap_.clear();
  }

  // The score under which nothing is taken any more; a tie with it may still be.
  float floor() const { return heap_.size() < k_ ? least_ : heap_.front().score; }

  void Push(const T& item) {
    if (item.score < least_) return;
    if (heap_.size() == k_) {
      if (!Better(item, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), Better);
      heap_.back() = item;
    } else {
      heap_.push_back(item);
    }
    std::push_heap(heap_.begin(), heap_.end(), Better);
  }

  // Best first; leaves nothing behind.
  std::vector<T> Take() {
    std::sort_heap(heap_.begin(), heap_.end(), Better);
    return std::exchange(heap_, {});
  }

 private:
  static bool Better(const T& a, const T& b) {
    return a.score != b.score ? a.score > b.score : a.ordinal < b.ordinal;
  }

  size_t k_ = 0;
  float least_ = kLowestScore;
  std::vector<T> heap_;  // the worst in front
};

}  // namespace kith::index

#endif  // KITH_INDEX_TOP_K_H_
