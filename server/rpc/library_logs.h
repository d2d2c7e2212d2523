// What gRPC and protobuf have to say goes into the server's log instead of raw onto stderr; and
// protobuf's complaint about a string that is not UTF-8, which it only logs, is kept for the
// caller's error.

#ifndef KITH_SERVER_RPC_LIBRARY_LOGS_H_
#define KITH_SERVER_RPC_LIBRARY_LOGS_H_

#include <string>

namespace kith::telemetry {
class Log;
}

namespace kith::rpc {

// Process-wide: libraries have one log each. The last call counts; null discards. `log` must live
// until it is replaced. Thread-safe.
void RouteLibraryLogs(telemetry::Log* log);

// The field ("kith.v1.DocumentInput.text") that a parse on this thread refused for its UTF-8 since
// the last call; empty if none.
std::string TakeInvalidUtf8Field();

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_LIBRARY_LOGS_H_
