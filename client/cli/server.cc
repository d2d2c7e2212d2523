// kith info, kith health

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

absl::Status Info(Context& context) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  KITH_ASSIGN_OR_RETURN(const auto info, client->GetServerInfo());
  if (context.json) {
    context.out.Object(ToJson(info));
    return absl::OkStatus();
  }
  Output& out = context.out;
  out.Line(fmt::format("kithd {} at {}", Printable(info.version()), context.server));
  out.Line("  running since    " + HumanTime(info.start_time()));
  out.Line(fmt::format("  data folder      {} (format {})", Printable(info.data_folder_id()),
                       info.format_version()));
  out.Line(fmt::format("  collections      {} ({} loading)", Grouped(info.collection_count()),
                       Grouped(info.loading_collection_count())));
  out.Line(fmt::format("  memory           {} of {}", HumanBytes(info.memory_used_bytes()),
                       HumanBytes(info.memory_budget_bytes())));
  out.Line("  default encoder  " +
           (info.default_encoder().empty() ? "none" : Printable(info.default_encoder())));
  out.Line(fmt::format("  kernels          index {}, encoder {}", Printable(info.index_kernels()),
                       Printable(info.encoder_kernels())));
  const v1::QueryCache& cache = info.query_cache();
  out.Line(fmt::format("  query cache      {} questions, {} of {}; {} hits, {} misses",
                       Grouped(cache.entry_count()), HumanBytes(cache.bytes()),
                       HumanBytes(cache.capacity_bytes()), Grouped(cache.hit_count()),
                       Grouped(cache.miss_count())));
  const v1::Limits& limits = info.limits();
  out.Line(fmt::format("  limits           {} a message, {} a text, {} documents a batch",
                       HumanBytes(limits.max_message_bytes()), HumanBytes(limits.max_text_bytes()),
                       Grouped(limits.max_batch_documents())));
  return absl::OkStatus();
}

absl::Status Health(Context& context) {
  constexpr std::array<const char*, 6> kServices = {"",
                                                    "kith.v1.CollectionService",
                                                    "kith.v1.DocumentService",
                                                    "kith.v1.SearchService",
                                                    "kith.v1.EncoderService",
                                                    "kith.v1.AdminService"};
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  bool all = true;
  for (const char* service : kServices) {
    KITH_ASSIGN_OR_RETURN(const bool serving, client->IsServing(service));
    all = all && serving;
    const std::string name = *service == '\0' ? "server" : service;
    const std::string status = serving ? "serving" : "not_serving";
    if (context.json) {
      context.out.Object({{"service", name}, {"status", status}});
    } else {
      context.out.Line(fmt::format("{:<26} {}", name, serving ? "serving" : "NOT SERVING"));
    }
  }
  if (all) return absl::OkStatus();
  return absl::FailedPreconditionError("the server does not take all calls now");
}

}  // namespace

void AddServerCommands(CLI::App& app, Context& context) {
  AddCommand(app, context, "info", "Show the server: version, memory, encoder, limits",
             "  kith info\n"
             "  kith info --json | jq .limits\n",
             [&context] { return Info(context); });
  AddCommand(app, context, "health", "Ask whether the server takes calls: exit code 0 if it does",
             "  kith health\n"
             "  until kith health --json > /dev/null; do sleep 1; done\n",
             [&context] { return Health(context); });
}

}  // namespace kith::cli
