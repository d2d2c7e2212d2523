#include "server/rpc/status.h"

#include <string>

#include "google/protobuf/duration.pb.h"
#include "kith/base/error.h"
#include "kith/v1/error_details.pb.h"

namespace kith::rpc {
namespace {

constexpr char kDomain[] = "kith";

// gRPC sends messages as a header: long ones would be cut by the peer's header limit (8 KiB in
// all).
constexpr size_t kMaxMessage = 1024;

// Packs under google.rpc's names, whose fields and numbers ours have.
void Pack(const google::protobuf::MessageLite& message, const char* type, v1::ErrorStatus* status) {
  google::protobuf::Any* detail = status->add_details();
  detail->set_type_url(std::string("type.googleapis.com/google.rpc.") + type);
  message.SerializeToString(detail->mutable_value());
}

std::string Shortened(std::string_view text) {
  if (text.size() <= kMaxMessage) return std::string(text);
  size_t end = kMaxMessage;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace

std::string ReasonOf(const absl::Status& status) {
  if (status.ok()) return {};
  std::string reason = DetailsOf(status).reason;
  if (!reason.empty()) return reason;
  switch (status.code()) {
    case absl::StatusCode::kCancelled:
      return std::string(reason::kCancelled);
    case absl::StatusCode::kDeadlineExceeded:
      return std::string(reason::kDeadlineExceeded);
    case absl::StatusCode::kInvalidArgument:
      return std::string(reason::kInvalidRequest);
    default:
      return std::string(reason::kInternal);
  }
}

bool IsServerFault(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInternal ||
         status.code() == absl::StatusCode::kUnknown ||
         DetailsOf(status).reason == reason::kStorageError;
}

absl::Status Public(const absl::Status& status, std::string_view request_id) {
  if (!IsServerFault(status)) return status;
  // The code stays if it tells the caller what to do (try again, free some space).
  const bool known = status.code() != absl::StatusCode::kUnknown;
  return Error(known ? status.code() : absl::StatusCode::kInternal, ReasonOf(status),
               "an internal error; the server's log says more under request id {}", request_id);
}

grpc::Status ToGrpcStatus(const absl::Status& original, std::string_view request_id) {
  if (original.ok()) return grpc::Status::OK;
  const absl::Status status = Public(original, request_id);
  const ErrorDetails details = DetailsOf(status);
  const std::string message = Shortened({status.message().data(), status.message().size()});

  v1::ErrorStatus out;
  out.set_code(static_cast<int>(status.code()));
  out.set_message(message);

  v1::ErrorInfo info;
  info.set_reason(ReasonOf(status));
  info.set_domain(kDomain);
  for (const auto& [key, value] : details.metadata) {
    (*info.mutable_metadata())[key] = Shortened(value);
  }
  if (!request_id.empty()) (*info.mutable_metadata())["request_id"] = std::string(request_id);
  Pack(info, "ErrorInfo", &out);

  if (!details.field.empty()) {
    v1::BadRequest bad;
    v1::BadRequest::FieldViolation* violation = bad.add_field_violations();
    violation->set_field(Shortened(details.field));
    violation->set_description(message);
    Pack(bad, "BadRequest", &out);
  }
  if (details.retry_after > absl::ZeroDuration()) {
    v1::RetryInfo retry;
    const int64_t ms = absl::ToInt64Milliseconds(details.retry_after);
    retry.mutable_retry_delay()->set_seconds(ms / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(ms % 1000) * 1'000'000);
    Pack(retry, "RetryInfo", &out);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message,
                      out.SerializeAsString());
}

}  // namespace kith::rpc
