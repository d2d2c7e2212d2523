#include "client/cli/operation_wait.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/json.h"
#include "client/cli/progress.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {

std::string ProgressOf(const v1::Operation& operation) {
  if (operation.total() == 0) return Grouped(operation.done());
  return fmt::format("{} of {}", Grouped(operation.done()), Grouped(operation.total()));
}

void PrintOperation(Context& context, const v1::Operation& operation) {
  if (context.json) return context.out.Object(ToJson(operation));
  Output& out = context.out;
  out.Line(fmt::format("{}  {} {}", Printable(operation.id()), WordOf(operation.kind()),
                       Printable(operation.target())));
  out.Line("  state    " + WordOf(operation.state()));
  if (!operation.phase().empty()) {
    out.Line(fmt::format("  phase    {}, {}", Printable(operation.phase()), ProgressOf(operation)));
    if (operation.has_time_left()) {
      const auto& left = operation.time_left();
      out.Line(fmt::format("  rate     {:.1f} a second, {} left", operation.per_second(),
                           FormatClock(static_cast<double>(left.seconds()) + 1e-9 * left.nanos())));
    }
  }
  if (!operation.error_message().empty()) {
    out.Line("  error    " + Printable(operation.error_message()));
  }
  out.Line("  created  " + HumanTime(operation.create_time()));
  out.Line("  updated  " + HumanTime(operation.update_time()));
}

absl::Status WaitForOperation(Context& context, client::Client& client, const std::string& id) {
  const absl::Time deadline = context.timeout_seconds > 0
                                  ? absl::Now() + absl::Seconds(context.timeout_seconds)
                                  : absl::InfiniteFuture();
  // In calls of a minute, so that a connection which goes to sleep is noticed.
  v1::WaitOperationRequest request;
  request.set_id(id);
  while (true) {
    const absl::Duration left = deadline - absl::Now();
    const absl::Duration step = std::clamp(left, absl::ZeroDuration(), absl::Minutes(1));
    request.mutable_timeout()->set_seconds(absl::ToInt64Seconds(step));
    request.mutable_timeout()->set_nanos(static_cast<int32_t>(
        absl::ToInt64Nanoseconds(step - absl::Seconds(absl::ToInt64Seconds(step)))));
    KITH_ASSIGN_OR_RETURN(const auto response, client.WaitOperation(request));
    const v1::Operation& operation = response.operation();
    const bool ended = operation.state() != v1::OPERATION_STATE_RUNNING;
    if (ended || left <= absl::ZeroDuration()) {
      PrintOperation(context, operation);
      if (!ended) return absl::DeadlineExceededError("the operation is still running");
      if (operation.state() == v1::OPERATION_STATE_SUCCEEDED) return absl::OkStatus();
      return absl::UnknownError(
          fmt::format("the operation ended as {}", WordOf(operation.state())));
    }
  }
}

absl::Status FollowOperation(Context& context, client::Client& client,
                             const v1::Operation& operation, bool no_wait) {
  if (!no_wait) return WaitForOperation(context, client, operation.id());
  PrintOperation(context, operation);
  return absl::OkStatus();
}

}  // namespace kith::cli
