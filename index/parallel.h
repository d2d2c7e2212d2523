// ParallelFor: the loops of a segment's build on a few threads. Internal to index/.

#ifndef KITH_INDEX_PARALLEL_H_
#define KITH_INDEX_PARALLEL_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"

namespace kith::index {

// Calls body(worker, i) once for each i < count, on at most `threads` threads, of which the calling
// one is worker 0; the workers' numbers are below `threads`. After an error no further i is begun;
// returns the first that was met. Where the system starts no thread, fewer do the work. `body` is
// called by several threads at once.
absl::Status ParallelFor(uint32_t threads, size_t count,
                         const std::function<absl::Status(uint32_t worker, size_t i)>& body);

}  // namespace kith::index

#endif  // KITH_INDEX_PARALLEL_H_
