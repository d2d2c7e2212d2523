// kith.v1 <-> engine: filters, as text or as a tree of messages. See translate_common.h for what is
// judged here; whether a filter fits the fields of a collection is the engine's to say.

#ifndef KITH_SERVER_RPC_TRANSLATE_FILTER_H_
#define KITH_SERVER_RPC_TRANSLATE_FILTER_H_

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/metadata/filter.h"
#include "kith/base/error.h"
#include "kith/v1/filter.pb.h"
#include "server/engine/filter_language/parse_filter.h"

namespace kith::rpc {

// FILTER_TOO_LARGE beyond the limits of index/metadata/filter.h, INVALID_REQUEST for a condition
// that is not set or a value that no field is compared with.
absl::StatusOr<index::Filter> ReadFilterTree(const v1::Filter& in);

// The filter of a request that has the oneof `where`; nothing if it is not set. Errors have the
// path "filter" or one below "filter_tree".
template <typename Request>
absl::StatusOr<std::optional<index::Filter>> ReadWhere(const Request& in) {
  absl::StatusOr<index::Filter> filter = index::Filter::All();
  switch (in.where_case()) {
    case Request::kFilter:
      filter = engine::ParseFilter(in.filter());
      break;
    case Request::kFilterTree:
      filter = ReadFilterTree(in.filter_tree());
      break;
    case Request::WHERE_NOT_SET:
      return std::nullopt;
  }
  if (!filter.ok()) return std::move(filter).status();
  return std::optional<index::Filter>(*std::move(filter));
}

template <typename Request>
bool HasWhere(const Request& in) {
  return in.where_case() != Request::WHERE_NOT_SET;
}

// Whether a status is the engine's refusal of a filter that does not fit the collection's fields.
bool IsOfFilter(const absl::Status& status);

// Such a refusal with the field that the request has the filter in; any other status as it is.
template <typename Request>
absl::Status AtWhere(const Request& in, absl::Status status) {
  if (!HasWhere(in) || !IsOfFilter(status)) return status;
  return InField(std::move(status), in.where_case() == Request::kFilter ? "filter" : "filter_tree");
}

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_TRANSLATE_FILTER_H_
