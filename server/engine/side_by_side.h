// SideBySide: the parts of one piece of work, on the thread that has it and on threads of an
// Executor that have nothing else to do. No thread is waited for that has not begun, so that a busy
// executor costs nothing, and work on an executor may use the same one.

#ifndef KITH_SERVER_ENGINE_SIDE_BY_SIDE_H_
#define KITH_SERVER_ENGINE_SIDE_BY_SIDE_H_

#include <cstddef>
#include <functional>

#include "index/search.h"
#include "index/spread.h"
#include "server/engine/executor.h"

namespace kith::engine {

// Calls part(i) once for each i < count, several at the same time where threads are idle; returns
// when all calls have.
void SideBySide(Executor& executor, size_t count, const std::function<void(size_t i)>& part);

// The same for the parts of a search. Stateless; must not outlive the executor.
class ExecutorSpread : public index::Spread {
 public:
  explicit ExecutorSpread(Executor* executor) : executor_(executor) {}

  void Run(size_t count,
           const std::function<void(size_t i, index::SearchScratch& scratch)>& part) override;

 private:
  Executor* const executor_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SIDE_BY_SIDE_H_
