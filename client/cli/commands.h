// The commands of `kith`, one function a group, each in a file of its name.

#ifndef KITH_CLIENT_CLI_COMMANDS_H_
#define KITH_CLIENT_CLI_COMMANDS_H_

#include "CLI/CLI.hpp"
#include "client/cli/context.h"

namespace kith::cli {

void AddCollectionsCommands(CLI::App& app, Context& context);  // create, get, list, update, ...
void AddDocumentsCommands(CLI::App& app, Context& context);    // put, get, update, list, ...
void AddFacetsCommand(CLI::App& app, Context& context);
void AddIngestCommand(CLI::App& app, Context& context);
void AddSearchCommand(CLI::App& app, Context& context);
void AddRerankCommand(CLI::App& app, Context& context);
void AddEncodeCommand(CLI::App& app, Context& context);
void AddTokenizeCommand(CLI::App& app, Context& context);
void AddSplitCommand(CLI::App& app, Context& context);
void AddEvalCommand(CLI::App& app, Context& context);
void AddIndexCommands(CLI::App& app, Context& context);  // status, seal, merge
void AddMeasureRecallCommand(CLI::App& app, Context& context);
void AddBenchCommand(CLI::App& app, Context& context);
void AddOperationsCommands(CLI::App& app, Context& context);  // list, get, wait, cancel
void AddModelsCommands(CLI::App& app, Context& context);      // list, load, unload
void AddServerCommands(CLI::App& app, Context& context);      // info, health
void AddKeysCommands(CLI::App& app, Context& context);        // create

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_COMMANDS_H_
