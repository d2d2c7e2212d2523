// StageClock: how long each step of a search took. A stage goes from the end of the one before to
// its own End, so that all of them add up to the total whatever happens between.
//
// A value; one thread at a time.

#ifndef KITH_SERVER_ENGINE_SEARCHING_STAGE_CLOCK_H_
#define KITH_SERVER_ENGINE_SEARCHING_STAGE_CLOCK_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kith/base/call.h"
#include "server/engine/search.h"

namespace kith::engine {

class StageClock {
 public:
  using Counts = std::vector<std::pair<std::string, uint64_t>>;

  StageClock() : last_(Call::Clock::now()) {}

  void End(std::string name, std::string detail = {}, Counts counts = {}) {
    const Call::Clock::time_point now = Call::Clock::now();
    const int64_t nanoseconds =
        std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_).count();
    explanation_.stages.push_back(
        {std::move(name), std::move(detail), nanoseconds, std::move(counts)});
    explanation_.nanoseconds += nanoseconds;
    last_ = now;
  }

  const Explanation& explanation() const { return explanation_; }

 private:
  Call::Clock::time_point last_;
  Explanation explanation_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_STAGE_CLOCK_H_
