// absl::Status -> grpc::Status, with the details that clients read: the one place where the
// engine's errors become the API's. See proto/kith/v1/error_details.proto and docs/api.md.
//
// Pure functions.

#ifndef KITH_SERVER_RPC_STATUS_H_
#define KITH_SERVER_RPC_STATUS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace kith::rpc {

// The same canonical code, the message, and a kith.v1.ErrorStatus in the details: ErrorInfo always,
// BadRequest if a field is at fault, RetryInfo if there is advice. What went wrong inside
// (INTERNAL, UNKNOWN) keeps its text to the log: the caller gets the request id to ask about.
grpc::Status ToGrpcStatus(const absl::Status& status, std::string_view request_id);

// True for what went wrong inside: the sentence may hold paths and belongs in the log, not on the
// wire.
bool IsServerFault(const absl::Status& status);

// The status that the caller is told; also what an ingest stream's acks carry.
absl::Status Public(const absl::Status& status, std::string_view request_id);

// The reason, as in ErrorInfo.
std::string ReasonOf(const absl::Status& status);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_STATUS_H_
