// kith index status | seal | merge

#include <memory>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/operation_wait.h"
#include "client/cli/progress.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

double SecondsOf(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) + 1e-9 * duration.nanos();
}

std::string PhaseLine(const v1::GetIndexStatusResponse& status) {
  std::string line = WordOf(status.phase());
  if (status.total() > 0) {
    line += fmt::format(": {} of {} rows, {:.0f} rows/s", Grouped(status.done()),
                        Grouped(status.total()), status.rows_per_second());
  }
  if (status.has_time_left()) line += ", " + FormatClock(SecondsOf(status.time_left())) + " left";
  return line;
}

std::vector<std::string> RowOf(const v1::IndexSegment& segment) {
  return {std::to_string(segment.id()),
          WordOf(segment.state()),
          std::to_string(segment.first_ordinal()),
          std::to_string(segment.end_ordinal()),
          Grouped(segment.row_count()),
          Grouped(segment.deleted_row_count()),
          WordOf(segment.quantization()),
          HumanBytes(segment.memory_bytes()),
          HumanBytes(segment.disk_bytes()),
          segment.has_build_time() ? fmt::format("{:.1f}", SecondsOf(segment.build_time())) : "-"};
}

absl::Status Status(Context& context, const std::string& collection) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::GetIndexStatusRequest request;
  request.set_collection(collection);
  KITH_ASSIGN_OR_RETURN(const auto status, client->GetIndexStatus(request));
  if (context.json) {
    context.out.Object(ToJson(status));
    return absl::OkStatus();
  }
  Output& out = context.out;
  out.Line(Printable(status.collection()));
  out.Line("  phase        " + PhaseLine(status));
  out.Line(fmt::format("  in graphs    {} of {} rows", Grouped(status.indexed_row_count()),
                       Grouped(status.live_row_count())));
  out.Line(fmt::format("  index debt   {} rows (writers are slowed from {}, refused from {})",
                       Grouped(status.debt_row_count()), Grouped(status.debt_paced_row_count()),
                       Grouped(status.debt_refused_row_count())));
  out.Line(fmt::format("  since start  {} sealed, {} merged, {} rebuilt, {} failed",
                       Grouped(status.seal_count()), Grouped(status.merge_count()),
                       Grouped(status.rebuild_count()), Grouped(status.failed_build_count())));
  if (!status.last_error().empty()) {
    out.Line("  last error   " + Printable(status.last_error()));
  }
  if (status.has_sampled_recall()) {
    out.Line(
        fmt::format("  recall       {:.4f} by samples of recent searches; walks x{:.2f} as wide",
                    status.sampled_recall(), status.ef_boost()));
  }
  if (status.segments().empty()) return absl::OkStatus();
  out.Line("");
  std::vector<std::vector<std::string>> rows = {
      {"SEGMENT", "STATE", "FROM", "TO", "ROWS", "DELETED", "CODES", "MEMORY", "FILES", "BUILD S"}};
  for (const v1::IndexSegment& segment : status.segments()) rows.push_back(RowOf(segment));
  out.Text(Table(rows));
  return absl::OkStatus();
}

struct WorkFlags {
  std::string collection;
  bool no_wait = false;
};

absl::Status Seal(Context& context, const WorkFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::SealIndexRequest request;
  request.set_collection(flags.collection);
  KITH_ASSIGN_OR_RETURN(const auto response, client->SealIndex(request));
  return FollowOperation(context, *client, response.operation(), flags.no_wait);
}

absl::Status Merge(Context& context, const WorkFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::MergeIndexRequest request;
  request.set_collection(flags.collection);
  KITH_ASSIGN_OR_RETURN(const auto response, client->MergeIndex(request));
  return FollowOperation(context, *client, response.operation(), flags.no_wait);
}

void AddCollection(CLI::App& app, std::string& collection) {
  app.add_option("collection", collection, "The collection")->type_name("COLLECTION")->required();
}

void AddWork(CLI::App& group, Context& context, const std::string& name,
             const std::string& description, absl::Status (*work)(Context&, const WorkFlags&)) {
  auto flags = std::make_shared<WorkFlags>();
  CLI::App* command = AddCommand(group, context, name, description,
                                 fmt::format("  kith index {} articles\n"
                                             "  kith index {} articles --no-wait\n",
                                             name, name),
                                 [&context, flags, work] { return work(context, *flags); });
  AddCollection(*command, flags->collection);
  command->add_flag("--no-wait", flags->no_wait, "Show the operation and do not wait for it");
}

}  // namespace

void AddIndexCommands(CLI::App& app, Context& context) {
  CLI::App& group = *AddGroup(app, "index", "Show a collection's index and have it worked on");
  auto collection = std::make_shared<std::string>();
  CLI::App* status =
      AddCommand(group, context, "status", "Show the segments of an index, and the work on it",
                 "  kith index status articles\n"
                 "  kith index status articles --json | jq .debt_row_count\n",
                 [&context, collection] { return Status(context, *collection); });
  AddCollection(*status, *collection);
  AddWork(group, context, "seal", "Get every row into a graph now, and wait for it", Seal);
  AddWork(group, context, "merge", "Merge segments as far as they go, and wait for it", Merge);
}

}  // namespace kith::cli
