// kith rerank

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/line_reader.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

struct RerankFlags {
  std::string query;
  std::vector<std::string> texts;
  std::string file;
  std::string model;
  int32_t limit = 0;
  bool raw = false;
  bool strict = false;
};

absl::StatusOr<std::vector<std::string>> TextsOf(const RerankFlags& flags) {
  if (flags.texts.empty() == flags.file.empty()) {
    return UsageError("give either TEXT... or --file FILE");
  }
  if (flags.file.empty()) return flags.texts;
  KITH_ASSIGN_OR_RETURN(auto lines, LineReader::Open(flags.file));
  std::vector<std::string> texts;
  for (std::string_view line; lines->Next(line);) {
    if (lines->too_long()) {
      return UsageError("{}:{}: the line is too long", flags.file, lines->number());
    }
    texts.emplace_back(line);
  }
  KITH_RETURN_IF_ERROR(lines->status());
  return texts;
}

absl::Status Rerank(Context& context, const RerankFlags& flags) {
  KITH_ASSIGN_OR_RETURN(const std::vector<std::string> texts, TextsOf(flags));
  v1::RerankRequest request;
  for (const std::string& text : texts) {
    if (!IsUtf8(text)) return UsageError("a text is not UTF-8");
    request.add_texts(text);
  }
  if (!IsUtf8(flags.query)) return UsageError("the question is not UTF-8");
  request.set_model(flags.model);
  request.set_query(flags.query);
  request.set_limit(flags.limit);
  request.set_raw_scores(flags.raw);
  request.set_truncation(flags.strict ? v1::TRUNCATION_NEVER : v1::TRUNCATION_END);
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  KITH_ASSIGN_OR_RETURN(const auto response, client->Rerank(request));
  const size_t columns = TerminalColumns(stdout);
  size_t rank = 0;
  for (const v1::RerankResult& result : response.results()) {
    if (result.index() >= texts.size()) {
      return absl::InternalError(
          fmt::format("the server answered text {} of {}", result.index(), texts.size()));
    }
    ++rank;
    const std::string& text = texts[result.index()];
    if (context.json) {
      Json object = {{"rank", rank}};
      object.update(ToJson(result));
      object["text"] = text;
      context.out.Object(object);
      continue;
    }
    context.out.Line(fmt::format("{:>3}.  {:.4f}  {}: {}", rank, result.score(), result.index() + 1,
                                 Shorten(Printable(text), columns > 40 ? columns - 20 : 20)));
  }
  if (!context.json && response.usage().dropped_token_count() > 0) {
    context.out.Line(fmt::format(
        "{} tokens were cut off: the model takes fewer than a question and a text have together.",
        Grouped(response.usage().dropped_token_count())));
  }
  return absl::OkStatus();
}

}  // namespace

void AddRerankCommand(CLI::App& app, Context& context) {
  auto flags = std::make_shared<RerankFlags>();
  CLI::App* command = AddCommand(
      app, context, "rerank", "Order texts by how well they answer a question, storing nothing",
      "  kith rerank \"how does attention work?\" \"Attention weighs tokens.\" \"Cats purr.\"\n"
      "  kith rerank \"how does attention work?\" --file passages.txt --limit 3 --json\n",
      [&context, flags] { return Rerank(context, *flags); });
  command->add_option("query", flags->query, "The question")->type_name("QUESTION")->required();
  command->add_option("texts", flags->texts, "The texts")->type_name("TEXT");
  command->add_option("--file", flags->file, "A file with one text a line")->type_name("FILE");
  command
      ->add_option("--model", flags->model, "The cross-encoder (default: the one that is loaded)")
      ->type_name("MODEL");
  command->add_option("--limit", flags->limit, "Best texts that are shown (default: all)")
      ->type_name("N");
  command->add_flag("--raw", flags->raw, "Scores as the model computes them, not between 0 and 1");
  command->add_flag("--no-truncate", flags->strict,
                    "Refuse texts with more tokens than the model takes");
}

}  // namespace kith::cli
