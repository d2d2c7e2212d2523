// The one place where the status of a gRPC call becomes an absl::Status: code and message as they
// came, and the details of the trailer (google.rpc.ErrorInfo, BadRequest, RetryInfo) as the
// payloads that DetailsOf() of kith/base/error.h reads. Details that do not parse are left out.

#ifndef KITH_CLIENT_CPP_WIRE_STATUS_H_
#define KITH_CLIENT_CPP_WIRE_STATUS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace kith::client {

// `details` is the serialised google.rpc.Status of "grpc-status-details-bin"; may be empty.
absl::Status FromWire(int code, const std::string& message, std::string_view details);

// Whether the status says that no server answered (as opposed to a server that answered
// UNAVAILABLE).
bool IsUnreachable(const absl::Status& status);

// `status` of a call that Kith did not answer itself (unreachable, out of time), with the address
// and what was called in its message; others unchanged.
absl::Status Explain(const absl::Status& status, std::string_view call, std::string_view address);

}  // namespace kith::client

#endif  // KITH_CLIENT_CPP_WIRE_STATUS_H_
