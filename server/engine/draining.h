// What everybody is told who comes when the server is shutting down.

#ifndef KITH_SERVER_ENGINE_DRAINING_H_
#define KITH_SERVER_ENGINE_DRAINING_H_

#include "absl/status/status.h"
#include "kith/base/error.h"

namespace kith::engine {

inline absl::Status Draining() {
  return Error(absl::StatusCode::kUnavailable, reason::kDraining, "the server is shutting down");
}

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_DRAINING_H_
