#include "client/cpp/wire_status.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "google/protobuf/any.pb.h"
#include "kith/base/error.h"
#include "kith/v1/error_details.pb.h"

namespace kith::client {
namespace {

// The advice is a server's word: a wait beyond this would only hide a failure.
constexpr absl::Duration kLongestAdvice = absl::Minutes(10);

bool IsA(const google::protobuf::Any& any, std::string_view type) {
  const std::string_view url = any.type_url();
  const size_t slash = url.rfind('/');
  return slash != std::string_view::npos && url.substr(slash + 1) == type;
}

absl::Duration AdviceOf(const v1::RetryInfo& info) {
  const auto& delay = info.retry_delay();
  const absl::Duration wait = absl::Seconds(delay.seconds()) + absl::Nanoseconds(delay.nanos());
  return std::clamp(wait, absl::ZeroDuration(), kLongestAdvice);
}

}  // namespace

absl::Status FromWire(int code, const std::string& message, std::string_view details) {
  if (code == 0) return absl::OkStatus();
  // gRPC's codes are the canonical ones; a number outside of them is a broken peer's.
  const auto canonical =
      code > 0 && code <= 16 ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown;

  v1::ErrorStatus wire;
  if (details.empty() || !wire.ParseFromArray(details.data(), static_cast<int>(details.size()))) {
    return absl::Status(canonical, message);
  }
  v1::ErrorInfo info;
  v1::BadRequest bad_request;
  v1::RetryInfo retry;
  bool has_info = false;
  for (const auto& any : wire.details()) {
    if (IsA(any, "google.rpc.ErrorInfo")) {
      has_info = info.ParseFromString(any.value());
    } else if (IsA(any, "google.rpc.BadRequest")) {
      if (!bad_request.ParseFromString(any.value())) bad_request.Clear();
    } else if (IsA(any, "google.rpc.RetryInfo")) {
      if (!retry.ParseFromString(any.value())) retry.Clear();
    }
  }
  if (!has_info || info.reason().empty()) return absl::Status(canonical, message);

  ErrorBuilder error(canonical, info.reason(), message);
  for (const auto& [key, value] : info.metadata()) std::move(error).With(key, value);
  if (bad_request.field_violations_size() > 0) {
    std::move(error).Field(bad_request.field_violations(0).field());
  }
  if (retry.has_retry_delay()) std::move(error).RetryAfter(AdviceOf(retry));
  return absl::Status(std::move(error));
}

bool IsUnreachable(const absl::Status& status) {
  return absl::IsUnavailable(status) && DetailsOf(status).reason.empty();
}

absl::Status Explain(const absl::Status& status, std::string_view call, std::string_view address) {
  const std::string message(status.message());
  if (IsUnreachable(status)) {
    return absl::UnavailableError(
        fmt::format("{}: cannot reach a Kith server at {}: {}", call, address, message));
  }
  if (absl::IsDeadlineExceeded(status) && DetailsOf(status).reason.empty()) {
    return absl::DeadlineExceededError(
        fmt::format("{}: no answer from {} within the deadline", call, address));
  }
  return status;
}

}  // namespace kith::client
