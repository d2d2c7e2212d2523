// Passing a failure up: KITH_RETURN_IF_ERROR(expression) and KITH_ASSIGN_OR_RETURN(lhs, expression).
//
//   KITH_ASSIGN_OR_RETURN(auto record, store->GetDocument(shard, id));
//   KITH_RETURN_IF_ERROR(Validate(record));

#ifndef KITH_BASE_STATUS_MACROS_H_
#define KITH_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define KITH_RETURN_IF_ERROR(expression)                        \
  do {                                                          \
    if (::absl::Status kith_status_ = (expression); !kith_status_.ok()) [[unlikely]] \
      return kith_status_;                                      \
  } while (false)

#define KITH_STATUS_JOIN_INNER(a, b) a##b
#define KITH_STATUS_JOIN(a, b) KITH_STATUS_JOIN_INNER(a, b)
#define KITH_ASSIGN_OR_RETURN_INNER(result, lhs, expression) \
  auto result = (expression);                                \
  if (!result.ok()) [[unlikely]]                             \
    return std::move(result).status();                       \
  lhs = *std::move(result)

#define KITH_ASSIGN_OR_RETURN(lhs, expression) \
  KITH_ASSIGN_OR_RETURN_INNER(KITH_STATUS_JOIN(kith_result_, __LINE__), lhs, expression)

#endif  // KITH_BASE_STATUS_MACROS_H_
