// Spread: threads that a search may borrow for its parts. Given by whoever owns threads; index/
// starts none to search.

#ifndef KITH_INDEX_SPREAD_H_
#define KITH_INDEX_SPREAD_H_

#include <cstddef>
#include <functional>

namespace kith::index {

class SearchScratch;

class Spread {
 public:
  virtual ~Spread() = default;

  // Calls part(i, scratch) once for each i < count: on the calling thread, and on others that have
  // nothing else to do. Returns when all calls have. Calls that run at the same time get scratches
  // of their own, none of which is the one that the search itself was given.
  virtual void Run(size_t count,
                   const std::function<void(size_t i, SearchScratch& scratch)>& part) = 0;
};

}  // namespace kith::index

#endif  // KITH_INDEX_SPREAD_H_
