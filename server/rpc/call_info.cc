#include "server/rpc/call_info.h"

#include <atomic>
#include <optional>
#include <random>
#include <vector>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"
#include "server/rpc/status.h"
#include "server/telemetry/log.h"

namespace kith::rpc {
namespace {

constexpr char kRequestIdHeader[] = "x-request-id";
constexpr char kAuthorizationHeader[] = "authorization";
constexpr size_t kMaxRequestId = 128;

// Tells the calls of this process from those of the last one.
uint64_t ProcessTag() {
  static const uint64_t tag = std::random_device()();
  return tag;
}

uint64_t NextNumber() {
  // Relaxed: only uniqueness counts.
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

bool IsRefusal(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnauthenticated ||
         status.code() == absl::StatusCode::kPermissionDenied;
}

}  // namespace

Call::Clock::time_point SteadyDeadline(std::chrono::system_clock::time_point deadline) {
  const auto left = deadline - std::chrono::system_clock::now();
  // Further than that is no deadline at all (gRPC's "infinite" is the end of time).
  if (left > std::chrono::hours(24 * 365)) return Call::Clock::time_point::max();
  return Call::Clock::now() + std::chrono::duration_cast<Call::Clock::duration>(left);
}

bool IsSaneRequestId(std::string_view id) {
  if (id.empty() || id.size() > kMaxRequestId) return false;
  for (const char c : id) {
    if (c <= 0x20 || c >= 0x7f) return false;
  }
  return true;
}

CallInfo::CallInfo(const char* method, grpc::CallbackServerContext* context)
    : method_(method),
      rule_(security::FindRule(method)),
      context_(context),
      start_(std::chrono::steady_clock::now()),
      number_(NextNumber()) {
  const auto& metadata = context->client_metadata();
  if (const auto found = metadata.find(kRequestIdHeader); found != metadata.end()) {
    const std::string_view id(found->second.data(), found->second.size());
    if (IsSaneRequestId(id)) given_id_ = id;
  }
}

absl::Status CallInfo::Admit(const security::Guard& guard) {
  std::vector<std::string_view> authorization;
  if (guard.needs_key()) {
    const auto [begin, end] = context_->client_metadata().equal_range(kAuthorizationHeader);
    for (auto it = begin; it != end; ++it) {
      authorization.emplace_back(it->second.data(), it->second.size());
    }
  }
  KITH_ASSIGN_OR_RETURN(caller_, guard.Identify(authorization));
  return guard.CheckMethod(*caller_, rule_);
}

std::string CallInfo::request_id() const {
  return given_id_.empty() ? fmt::format("{:08x}-{:x}", ProcessTag(), number_) : given_id_;
}

grpc::Status CallInfo::Finish(const absl::Status& status, Gate& gate, size_t request_bytes,
                              size_t response_bytes) {
  using telemetry::LogLevel;
  const absl::Duration took = absl::FromChrono(std::chrono::steady_clock::now() - start_);
  const absl::Duration slow = gate.options().slow_log;
  const bool broken = IsServerFault(status) || status.code() == absl::StatusCode::kDataLoss;
  const bool is_slow = !may_take_long_ && slow > absl::ZeroDuration() && took > slow;
  // Whoever has a key made for something else, or none at all, should be noticed.
  const std::optional<uint64_t> refusal =
      IsRefusal(status) ? gate.refusals().Take(std::chrono::steady_clock::now()) : std::nullopt;
  const LogLevel level = broken               ? LogLevel::kError
                         : is_slow || refusal ? LogLevel::kWarning
                                              : LogLevel::kDebug;
  const char* const what = broken    ? "a call failed"
                           : refusal ? "a call was not allowed"
                           : is_slow ? "a slow call"
                                     : "a call";
  std::string id;
  if (!status.ok() || gate.log().enabled(level)) id = request_id();
  if (gate.log().enabled(level)) {
    const std::string code = absl::StatusCodeToString(status.code());
    const std::string_view message(status.message().data(), status.message().size());
    // Messages of refusals may quote what the client sent (an id, never a text): only what broke is
    // told.
    gate.log().Write(level, what,
                     {{"method", method_},
                      {"code", code},
                      {"reason", ReasonOf(status)},
                      {"error", broken ? message : std::string_view()},
                      {"duration_ms", absl::ToDoubleMilliseconds(took)},
                      {"request_id", id},
                      {"peer", context_->peer()},
                      {"key", caller_ != nullptr ? caller_->name : std::string()},
                      {"more", refusal.value_or(0)},
                      {"request_bytes", request_bytes},
                      {"response_bytes", response_bytes}});
  }
  return ToGrpcStatus(status, id);
}

}  // namespace kith::rpc
