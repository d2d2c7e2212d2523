// kith tokenize

#include <memory>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/text_batches.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

struct TokenizeFlags {
  TextSource source;
  std::string model;
};

void Print(Context& context, const v1::TokenizedText& text) {
  Json ids = Json::array();
  Json tokens = Json::array();
  std::string line;
  for (const v1::Token& token : text.tokens()) {
    ids.push_back(token.id());
    tokens.push_back(token.token());
    line += fmt::format("{}{}/{}", line.empty() ? "" : " ", Printable(token.token()), token.id());
  }
  if (context.json) return context.out.Object({{"ids", ids}, {"tokens", tokens}});
  context.out.Line(line);
}

absl::Status Tokenize(Context& context, const TokenizeFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  return ForEachBatch(flags.source, [&](const std::vector<std::string>& texts) -> absl::Status {
    v1::TokenizeRequest request;
    request.set_model(flags.model);
    request.mutable_texts()->Add(texts.begin(), texts.end());
    KITH_ASSIGN_OR_RETURN(const auto response, client->Tokenize(request));
    for (const v1::TokenizedText& text : response.texts()) Print(context, text);
    return absl::OkStatus();
  });
}

}  // namespace

void AddTokenizeCommand(CLI::App& app, Context& context) {
  auto flags = std::make_shared<TokenizeFlags>();
  CLI::App* command =
      AddCommand(app, context, "tokenize", "Show the tokens that a model sees in a text",
                 "  kith tokenize \"Transformers are unbelievably useful.\"\n"
                 "  kith tokenize --file sentences.txt --json | jq '.ids | length'\n",
                 [&context, flags] { return Tokenize(context, *flags); });
  flags->source.AddTo(*command);
  command->add_option("--model", flags->model, "The model (default: the server's)")
      ->type_name("MODEL");
}

}  // namespace kith::cli
