// kith operations list | get | wait | cancel

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

std::string ProgressOf(const v1::Operation& operation) {
  if (operation.total() == 0) return Grouped(operation.done());
  return fmt::format("{} of {}", Grouped(operation.done()), Grouped(operation.total()));
}

void Print(Context& context, const v1::Operation& operation) {
  if (context.json) return context.out.Object(ToJson(operation));
  Output& out = context.out;
  out.Line(fmt::format("{}  {} {}", Printable(operation.id()), WordOf(operation.kind()),
                       Printable(operation.target())));
  out.Line("  state    " + WordOf(operation.state()));
  if (!operation.phase().empty()) {
    out.Line(fmt::format("  phase    {}, {}", Printable(operation.phase()), ProgressOf(operation)));
  }
  if (!operation.error_message().empty()) {
    out.Line("  error    " + Printable(operation.error_message()));
  }
  out.Line("  created  " + HumanTime(operation.create_time()));
  out.Line("  updated  " + HumanTime(operation.update_time()));
}

absl::Status List(Context& context) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  std::vector<std::vector<std::string>> rows = {
      {"ID", "KIND", "TARGET", "STATE", "PROGRESS", "UPDATED"}};
  v1::ListOperationsRequest request;
  do {
    KITH_ASSIGN_OR_RETURN(const auto response, client->ListOperations(request));
    for (const v1::Operation& operation : response.operations()) {
      if (context.json) {
        context.out.Object(ToJson(operation));
      } else {
        rows.push_back({Printable(operation.id()), WordOf(operation.kind()),
                        Printable(operation.target()), WordOf(operation.state()),
                        ProgressOf(operation), HumanTime(operation.update_time())});
      }
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (!context.json) context.out.Text(Table(rows));
  return absl::OkStatus();
}

absl::Status Get(Context& context, const std::string& id) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::GetOperationRequest request;
  request.set_id(id);
  KITH_ASSIGN_OR_RETURN(const auto response, client->GetOperation(request));
  Print(context, response.operation());
  return absl::OkStatus();
}

absl::Status Cancel(Context& context, const std::string& id) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::CancelOperationRequest request;
  request.set_id(id);
  KITH_ASSIGN_OR_RETURN(const auto response, client->CancelOperation(request));
  Print(context, response.operation());
  return absl::OkStatus();
}

// Waits in calls of a minute, so that a connection which goes to sleep is noticed.
absl::Status Wait(Context& context, const std::string& id) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  const absl::Time deadline = context.timeout_seconds > 0
                                  ? absl::Now() + absl::Seconds(context.timeout_seconds)
                                  : absl::InfiniteFuture();
  v1::WaitOperationRequest request;
  request.set_id(id);
  while (true) {
    const absl::Duration left = deadline - absl::Now();
    const absl::Duration step = std::clamp(left, absl::ZeroDuration(), absl::Minutes(1));
    request.mutable_timeout()->set_seconds(absl::ToInt64Seconds(step));
    request.mutable_timeout()->set_nanos(static_cast<int32_t>(
        absl::ToInt64Nanoseconds(step - absl::Seconds(absl::ToInt64Seconds(step)))));
    KITH_ASSIGN_OR_RETURN(const auto response, client->WaitOperation(request));
    const v1::Operation& operation = response.operation();
    if (operation.state() != v1::OPERATION_STATE_RUNNING) {
      Print(context, operation);
      if (operation.state() == v1::OPERATION_STATE_SUCCEEDED) return absl::OkStatus();
      return absl::UnknownError(
          fmt::format("the operation ended as {}", WordOf(operation.state())));
    }
    if (left <= absl::ZeroDuration()) {
      Print(context, operation);
      return absl::DeadlineExceededError("the operation is still running");
    }
  }
}

using Action = absl::Status (*)(Context&, const std::string&);

void AddById(CLI::App& group, Context& context, const std::string& name,
             const std::string& description, Action action) {
  auto id = std::make_shared<std::string>();
  CLI::App* command = AddCommand(group, context, name, description,
                                 fmt::format("  kith operations {} 01HZX3J5V9Q2\n", name),
                                 [&context, id, action] { return action(context, *id); });
  command->add_option("id", *id, "The operation's id")->type_name("ID")->required();
}

}  // namespace

void AddOperationsCommands(CLI::App& app, Context& context) {
  CLI::App& group = *AddGroup(app, "operations", "Watch and cancel long-running work");
  AddCommand(group, context, "list", "List operations, newest first", "  kith operations list\n",
             [&context] { return List(context); });
  AddById(group, context, "get", "Show an operation", Get);
  AddById(group, context, "wait", "Wait until an operation has ended: exit code 0 if it succeeded",
          Wait);
  AddById(group, context, "cancel", "Ask an operation to end early", Cancel);
}

}  // namespace kith::cli
