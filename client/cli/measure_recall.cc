// kith measure-recall

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/text_layout.h"
#include "client/cli/tuning_options.h"
#include "client/cli/vecs_file.h"
#include "client/cpp/vector.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

struct RecallFlags {
  std::string collection;
  std::string queries;
  int32_t sample = 100;
  int32_t limit = 10;
  TuningFlags tuning;
};

absl::Status Measure(Context& context, const RecallFlags& flags) {
  v1::MeasureRecallRequest request;
  request.set_collection(flags.collection);
  if (!flags.queries.empty()) {
    KITH_ASSIGN_OR_RETURN(const auto rows, ReadFvecs(flags.queries));
    for (const std::vector<float>& row : rows) *request.add_queries() = client::PackVector(row);
  } else {
    request.set_sample_count(flags.sample);
  }
  request.set_limit(flags.limit);
  if (flags.tuning.given()) flags.tuning.ApplyTo(*request.mutable_tuning());
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  KITH_ASSIGN_OR_RETURN(const auto answer, client->MeasureRecall(request));
  if (context.json) {
    context.out.Object(ToJson(answer));
    return absl::OkStatus();
  }
  Output& out = context.out;
  out.Line(fmt::format("recall@{}  {:.4f} over {}; the worst {:.2f}", answer.limit(),
                       answer.recall(), Counted(answer.query_count(), "query"),
                       answer.worst_recall()));
  out.Line(fmt::format("time       p50 {:.0f} us, p99 {:.0f} us; exact {:.0f} us",
                       answer.p50_microseconds(), answer.p99_microseconds(),
                       answer.exact_p50_microseconds()));
  if (!answer.curve().empty()) {
    std::vector<std::vector<std::string>> rows = {{"EF", "RECALL", "CODES", "US"}};
    for (const v1::RecallPoint& point : answer.curve()) {
      rows.push_back({point.ef() == 0 ? "scan" : std::to_string(point.ef()),
                      fmt::format("{:.4f}", point.recall()),
                      fmt::format("{:.0f}", point.code_distance_count()),
                      fmt::format("{:.0f}", point.microseconds())});
    }
    out.Line("");
    out.Text(Table(rows));
  }
  if (!answer.advice().empty()) {
    out.Line("");
    for (const std::string& line : Wrap(answer.advice(), TerminalColumns(stdout), 20)) {
      out.Line(line);
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddMeasureRecallCommand(CLI::App& app, Context& context) {
  auto flags = std::make_shared<RecallFlags>();
  CLI::App* command = AddCommand(
      app, context, "measure-recall", "Measure which share of the true best hits searches find",
      "  kith measure-recall articles\n"
      "  kith measure-recall articles --target-recall 0.99 --sample 500\n"
      "  kith measure-recall images --queries queries.fvecs --ef 200\n",
      [&context, flags] { return Measure(context, *flags); });
  command->add_option("collection", flags->collection, "The collection")
      ->type_name("COLLECTION")
      ->required();
  auto* queries =
      command->add_option("--queries", flags->queries, "Ask these vectors: an .fvecs file")
          ->type_name("FILE");
  command->add_option("--sample", flags->sample, "Else: stored vectors that ask")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->excludes(queries)
      ->capture_default_str();
  command->add_option("--limit", flags->limit, "Neighbours each")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  flags->tuning.AddTo(*command, /*with_exact=*/false);
}

}  // namespace kith::cli
