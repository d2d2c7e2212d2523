// kith search

#include <memory>

#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/search_options.h"
#include "client/cli/search_output.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

void PrintJson(Context& context, const v1::SearchResponse& response, size_t rank) {
  for (const v1::SearchHit& hit : response.hits()) {
    Json object = {{"rank", ++rank}};
    object.update(ToJson(hit));
    context.out.Object(object);
  }
  if (response.has_explanation()) {
    context.out.Object({{"explanation", ToJson(response.explanation())}});
  }
}

absl::Status Search(Context& context, const SearchFlags& flags) {
  KITH_ASSIGN_OR_RETURN(const v1::SearchRequest request, flags.Request());
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  KITH_ASSIGN_OR_RETURN(const v1::SearchResponse response, client->Search(request));
  size_t rank = static_cast<size_t>(flags.offset);
  if (context.json) {
    PrintJson(context, response, rank);
    return absl::OkStatus();
  }
  for (const v1::SearchHit& hit : response.hits()) {
    PrintHit(context, request, hit, ++rank, flags.lines);
  }
  if (response.hits().empty()) context.out.Line("nothing found");
  if (response.has_explanation()) PrintExplanation(context, response.explanation());
  if (response.usage().query_truncated()) {
    context.out.Line(
        "The question is longer than the encoder takes: only its beginning was asked.");
  }
  return absl::OkStatus();
}

}  // namespace

void AddSearchCommand(CLI::App& app, Context& context) {
  auto flags = std::make_shared<SearchFlags>();
  CLI::App* command = AddCommand(
      app, context, "search", "Find the passages that answer a question",
      "  kith search articles \"How does attention work?\"\n"
      "  kith search articles \"vector index\" --hybrid --filter 'year >= 2020 AND NOT "
      "tags:draft'\n"
      "  kith search articles \"vector index\" --limit 3 --group-by document --explain\n"
      "  kith search articles --like attention.md          # documents like this one\n"
      "  kith search articles \"attention\" --json | jq -r '[.score, .document_id] | @tsv'\n",
      [&context, flags] { return Search(context, *flags); });
  flags->AddTo(*command);
}

}  // namespace kith::cli
