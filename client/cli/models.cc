// kith models [list] | load | unload

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

std::vector<std::string> RowOf(const v1::Model& model) {
  return {Printable(model.name()) + (model.is_default() ? " (default)" : ""),
          WordOf(model.kind()),
          Printable(model.architecture()),
          model.dimension() == 0 ? "" : fmt::format("{}", model.dimension()),
          fmt::format("{}", model.max_tokens()),
          Grouped(model.parameter_count()),
          HumanBytes(model.memory_bytes()),
          fmt::format("{} on {}", Printable(model.precision()), Printable(model.kernels())),
          Grouped(model.collection_count()),
          Shorten(model.fingerprint(), 16)};
}

absl::Status List(Context& context) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  KITH_ASSIGN_OR_RETURN(const auto response, client->ListModels());
  if (context.json) {
    for (const v1::Model& model : response.models()) context.out.Object(ToJson(model));
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows = {{"NAME", "KIND", "FAMILY", "DIMENSION", "TOKENS",
                                                 "PARAMETERS", "MEMORY", "ARITHMETIC",
                                                 "COLLECTIONS", "FINGERPRINT"}};
  for (const v1::Model& model : response.models()) rows.push_back(RowOf(model));
  if (rows.size() == 1) {
    context.out.Line("the server runs without a model");
  } else {
    context.out.Text(Table(rows));
  }
  if (response.unloaded_names().empty()) return absl::OkStatus();
  std::vector<std::string> names;
  for (const std::string& name : response.unloaded_names()) names.push_back(Printable(name));
  context.out.Line(fmt::format("to be loaded: {}", fmt::join(names, ", ")));
  return absl::OkStatus();
}

struct WorkFlags {
  std::string name;
  bool no_wait = false;
};

absl::Status Load(Context& context, const WorkFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::LoadModelRequest request;
  request.set_name(flags.name);
  KITH_ASSIGN_OR_RETURN(const auto response, client->LoadModel(request));
  return FollowOperation(context, *client, response.operation(), flags.no_wait);
}

absl::Status Unload(Context& context, const WorkFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::UnloadModelRequest request;
  request.set_name(flags.name);
  KITH_ASSIGN_OR_RETURN(const auto response, client->UnloadModel(request));
  return FollowOperation(context, *client, response.operation(), flags.no_wait);
}

void AddWork(CLI::App& group, Context& context, const std::string& name,
             const std::string& description, absl::Status (*work)(Context&, const WorkFlags&)) {
  auto flags = std::make_shared<WorkFlags>();
  CLI::App* command = AddCommand(group, context, name, description,
                                 fmt::format("  kith models {} my-reranker\n"
                                             "  kith models {} my-reranker --no-wait\n",
                                             name, name),
                                 [&context, flags, work] { return work(context, *flags); });
  command->add_option("name", flags->name, "The model, by the name of its folder")
      ->type_name("MODEL")
      ->required();
  command->add_flag("--no-wait", flags->no_wait, "Show the operation and do not wait for it");
}

}  // namespace

void AddModelsCommands(CLI::App& app, Context& context) {
  const auto list = [&context] { return List(context); };
  CLI::App* models =
      AddCommand(app, context, "models", "List the server's models, load and unload them",
                 "  kith models\n"
                 "  kith models load my-reranker\n",
                 list);
  // CLI11 calls the parent after its subcommand.
  models->callback([&context, models, list] {
    if (models->get_subcommands().empty()) context.run = list;
  });
  AddCommand(*models, context, "list", "List the models that are loaded, and those that can be",
             "  kith models list\n", list);
  AddWork(*models, context, "load", "Load a model from the server's --models-dir, and wait for it",
          Load);
  AddWork(*models, context, "unload",
          "Unload a model that no collection is bound to, and wait until its memory is given back",
          Unload);
}

}  // namespace kith::cli
