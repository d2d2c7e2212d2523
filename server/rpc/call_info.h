// What a call brings along beside its message: deadline, request id, who calls; and the line it
// leaves in the log.

#ifndef KITH_SERVER_RPC_CALL_INFO_H_
#define KITH_SERVER_RPC_CALL_INFO_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "kith/base/call.h"
#include "server/rpc/gate.h"

namespace kith::rpc {

// gRPC's deadline (wall clock, infinite if the client set none) on the monotonic clock that Call
// uses.
Call::Clock::time_point SteadyDeadline(std::chrono::system_clock::time_point deadline);

// True for ids that may stand in a log and a header as they are: 1..128 printable ASCII characters,
// no spaces.
bool IsSaneRequestId(std::string_view id);

class CallInfo {
 public:
  // `method`: "SearchService/Search"; lives for ever. `context` must outlive this.
  CallInfo(const char* method, grpc::CallbackServerContext* context);

  // Finds out by its key who calls, and whether it may call the method at all. UNAUTHENTICATED /
  // KEY_INVALID, PERMISSION_DENIED / SCOPE_DENIED.
  absl::Status Admit(const security::Guard& guard);
  // Whether the caller may touch the collections that the request names. REQUIRES: admitted.
  absl::Status CheckRequest(const google::protobuf::Message& request) const {
    return security::Guard::CheckRequest(*caller_, rule_, request);
  }
  // REQUIRES: admitted.
  const security::Principal& caller() const { return *caller_; }

  // The client's x-request-id if it is sane, else one made here.
  std::string request_id() const;

  grpc::CallbackServerContext* context() const { return context_; }

  // For calls that last as long as their caller likes: they are never slow.
  void MayTakeLong() { may_take_long_ = true; }

  // Writes the access line (at level debug), or the slow line (warning), or who was not let in
  // (warning, at most one a second), or what broke (error).
  // `status` is what the engine said, before it is made public. Returns what gRPC shall tell the
  // client.
  grpc::Status Finish(const absl::Status& status, Gate& gate, size_t request_bytes,
                      size_t response_bytes);

 private:
  const char* const method_;
  const security::MethodRule* const rule_;
  grpc::CallbackServerContext* const context_;
  security::PrincipalRef caller_;  // once admitted
  const std::chrono::steady_clock::time_point start_;
  bool may_take_long_ = false;
  std::string given_id_;   // by the client; or empty
  const uint64_t number_;  // of the call, in this process
};

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_CALL_INFO_H_
