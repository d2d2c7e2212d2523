#include "server/rpc/library_logs.h"

#include <mutex>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"
#include "server/telemetry/log.h"

namespace kith::rpc {
namespace {

struct Route {
  absl::Mutex mu;
  telemetry::Log* log ABSL_GUARDED_BY(mu) = nullptr;
};

// Never destroyed: libraries log until the very end.
Route& TheRoute() {
  static Route* const route = new Route;
  return *route;
}

thread_local std::string invalid_utf8_field;

void Forward(bool error, const char* library, std::string_view message) {
  Route& route = TheRoute();
  absl::MutexLock lock(&route.mu);
  if (route.log == nullptr) return;
  route.log->Write(error ? telemetry::LogLevel::kWarning : telemetry::LogLevel::kDebug,
                   "a library reports", {{"library", library}, {"report", message}});
}

void OnGrpcLog(gpr_log_func_args* args) {
  Forward(args->severity == GPR_LOG_SEVERITY_ERROR, "grpc", args->message);
}

// "String field 'kith.v1.DocumentInput.text' contains invalid UTF-8 data when parsing a protocol
// buffer. ..."
void OnProtobufLog(google::protobuf::LogLevel level, const char* /*file*/, int /*line*/,
                   const std::string& message) {
  constexpr std::string_view kBefore = "String field '", kAfter = "' contains invalid UTF-8";
  const size_t begin = message.find(kBefore), end = message.find(kAfter);
  if (begin != std::string::npos && end != std::string::npos && begin < end) {
    const size_t name = begin + kBefore.size();
    invalid_utf8_field = message.substr(name, end - name);
    return;
  }
  Forward(level >= google::protobuf::LOGLEVEL_ERROR, "protobuf", message);
}

}  // namespace

void RouteLibraryLogs(telemetry::Log* log) {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(&OnGrpcLog);
    google::protobuf::SetLogHandler(&OnProtobufLog);
  });
  Route& route = TheRoute();
  absl::MutexLock lock(&route.mu);
  route.log = log;
}

std::string TakeInvalidUtf8Field() { return std::exchange(invalid_utf8_field, {}); }

}  // namespace kith::rpc
