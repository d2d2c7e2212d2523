// kith encode

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/text_batches.h"
#include "client/cpp/vector.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

struct EncodeFlags {
  TextSource source;
  std::string model;
  std::string role = "passage";
  bool strict = false;
  uint32_t dimensions = 0;
};

absl::Status Print(Context& context, const v1::Embedding& embedding) {
  KITH_ASSIGN_OR_RETURN(const std::vector<float> values, client::UnpackVector(embedding.vector()));
  if (context.json) {
    context.out.Line(fmt::format("{{\"tokens\": {}, \"truncated\": {}, \"embedding\": {}}}",
                                 embedding.token_count(), embedding.truncated(),
                                 FloatsToJson(values)));
    return absl::OkStatus();
  }
  constexpr size_t kShown = 8;
  const auto shown = std::span(values).first(std::min(values.size(), kShown));
  context.out.Line(fmt::format("{} tokens{}, {} values: {:.5f}{}", embedding.token_count(),
                               embedding.truncated() ? " (truncated)" : "", values.size(),
                               fmt::join(shown, " "), values.size() > kShown ? " ..." : ""));
  return absl::OkStatus();
}

absl::Status Encode(Context& context, const EncodeFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  return ForEachBatch(flags.source, [&](const std::vector<std::string>& texts) -> absl::Status {
    v1::EncodeRequest request;
    request.set_model(flags.model);
    request.mutable_texts()->Add(texts.begin(), texts.end());
    request.set_role(flags.role == "query" ? v1::TEXT_ROLE_QUERY : v1::TEXT_ROLE_PASSAGE);
    request.set_dimensions(flags.dimensions);
    request.set_truncation(flags.strict ? v1::TRUNCATION_NEVER : v1::TRUNCATION_END);
    KITH_ASSIGN_OR_RETURN(const auto response, client->Encode(request));
    if (response.embeddings_size() != static_cast<int>(texts.size())) {
      return absl::InternalError(fmt::format("the server answered {} embeddings for {} texts",
                                             response.embeddings_size(), texts.size()));
    }
    for (const v1::Embedding& embedding : response.embeddings()) {
      KITH_RETURN_IF_ERROR(Print(context, embedding));
    }
    return absl::OkStatus();
  });
}

}  // namespace

void AddEncodeCommand(CLI::App& app, Context& context) {
  auto flags = std::make_shared<EncodeFlags>();
  CLI::App* command =
      AddCommand(app, context, "encode", "Turn text into embeddings, storing nothing",
                 "  kith encode \"A sentence.\"\n"
                 "  kith encode --role query \"How does attention work?\" --json\n"
                 "  kith encode --file sentences.txt --json > embeddings.jsonl\n",
                 [&context, flags] { return Encode(context, *flags); });
  flags->source.AddTo(*command);
  command->add_option("--model", flags->model, "The model (default: the server's)")
      ->type_name("MODEL");
  command->add_option("--role", flags->role, "Stored text, or a question asked of it")
      ->check(CLI::IsMember({"passage", "query"}))
      ->capture_default_str();
  command
      ->add_option("--dimensions", flags->dimensions,
                   "Keep the first N values, for Matryoshka models (default: all)")
      ->type_name("N");
  command->add_flag("--no-truncate", flags->strict,
                    "Refuse texts with more tokens than the model takes");
}

}  // namespace kith::cli
