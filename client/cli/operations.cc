// kith operations list | get | wait | cancel

#include <memory>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/operation_wait.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

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
  PrintOperation(context, response.operation());
  return absl::OkStatus();
}

absl::Status Cancel(Context& context, const std::string& id) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::CancelOperationRequest request;
  request.set_id(id);
  KITH_ASSIGN_OR_RETURN(const auto response, client->CancelOperation(request));
  PrintOperation(context, response.operation());
  return absl::OkStatus();
}

absl::Status Wait(Context& context, const std::string& id) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  return WaitForOperation(context, *client, id);
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
