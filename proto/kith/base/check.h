// KITH_CHECK: an invariant that only a bug of our own can break. It prints where and why, and aborts.
// What the outside can cause (a request, a file, a model) gets an absl::Status instead: see error.h.

#ifndef KITH_BASE_CHECK_H_
#define KITH_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>

namespace kith::internal {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* condition,
                                     const char* reason) {
  std::fprintf(stderr, "%s:%d: check failed: %s: %s\n", file, line, condition, reason);
  std::abort();
}

}  // namespace kith::internal

// `reason` is a string literal saying why the condition must hold.
#define KITH_CHECK(condition, reason)                                               \
  do {                                                                              \
    if (!(condition)) [[unlikely]]                                                  \
      ::kith::internal::CheckFailed(__FILE__, __LINE__, #condition, "" reason);     \
  } while (false)

// For hot loops: compiled (so that it cannot rot), but evaluated in debug builds only.
#ifdef NDEBUG
#define KITH_DCHECK(condition, reason) \
  do {                                 \
    if (false) {                       \
      KITH_CHECK(condition, reason);   \
    }                                  \
  } while (false)
#else
#define KITH_DCHECK(condition, reason) KITH_CHECK(condition, reason)
#endif

#endif  // KITH_BASE_CHECK_H_
