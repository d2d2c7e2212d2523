// kith collections create | get | list | update | delete | stats | estimate | reembed

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/operation_wait.h"
#include "client/cli/schema_options.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

std::string SpaceToText(const v1::VectorSpace& space) {
  const std::string encoder =
      space.encoder().empty() ? "vectors of the client's own" : "encoder " + space.encoder();
  return fmt::format("{}, {} dimensions, {}", Printable(encoder), space.dimension(),
                     WordOf(space.metric()));
}

void Print(Context& context, const v1::Collection& collection) {
  if (context.json) return context.out.Object(ToJson(collection));
  Output& out = context.out;
  out.Line(Printable(collection.name()));
  if (!collection.description().empty()) {
    out.Line("  description  " + Printable(collection.description()));
  }
  for (const v1::VectorSpace& space : collection.vector_spaces()) {
    out.Line("  vectors      " + SpaceToText(space));
    out.Line(fmt::format("  index        {} codes, m {}, ef_construction {}",
                         WordOf(space.index().quantization()), space.index().m(),
                         space.index().ef_construction()));
  }
  const v1::SplitterOptions& splitter = collection.options().splitter();
  out.Line(fmt::format("  splitter     {}, at most {} tokens, {} overlapping",
                       WordOf(splitter.kind()), splitter.max_tokens(), splitter.overlap_tokens()));
  const v1::TextIndexOptions& words = collection.options().text_index();
  out.Line(!words.enabled() ? "  text index   off"
                            : fmt::format("  text index   {}{}", Printable(words.language()),
                                          words.remove_stop_words() ? ", no stop words" : ""));
  if (const auto& fields = collection.options().unindexed_fields(); !fields.empty()) {
    out.Line("  unindexed    " + Printable(fmt::format("{}", fmt::join(fields, ", "))));
  }
  out.Line("  durability   " + WordOf(collection.options().default_durability()));
  out.Line("  state        " + WordOf(collection.state()));
  out.Line("  created      " + HumanTime(collection.create_time()));
  out.Line("  updated      " + HumanTime(collection.update_time()));
  out.Line("  etag         " + Printable(collection.etag()));
}

struct CreateFlags {
  std::string name;
  SchemaFlags schema;
};

absl::Status Create(Context& context, const CreateFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  KITH_ASSIGN_OR_RETURN(const auto request, flags.schema.Request(*client, flags.name));
  KITH_ASSIGN_OR_RETURN(const auto response, client->CreateCollection(request));
  Print(context, response.collection());
  return absl::OkStatus();
}

absl::Status Get(Context& context, const std::string& name) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::GetCollectionRequest request;
  request.set_name(name);
  KITH_ASSIGN_OR_RETURN(const auto response, client->GetCollection(request));
  Print(context, response.collection());
  return absl::OkStatus();
}

absl::Status List(Context& context) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  std::vector<std::vector<std::string>> rows = {{"NAME", "STATE", "VECTORS", "DESCRIPTION"}};
  v1::ListCollectionsRequest request;
  do {
    KITH_ASSIGN_OR_RETURN(const auto response, client->ListCollections(request));
    for (const v1::Collection& collection : response.collections()) {
      if (context.json) {
        context.out.Object(ToJson(collection));
      } else {
        rows.push_back(
            {Printable(collection.name()), WordOf(collection.state()),
             collection.vector_spaces().empty() ? "" : SpaceToText(collection.vector_spaces(0)),
             Shorten(collection.description(), 60)});
      }
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (!context.json) context.out.Text(Table(rows));
  return absl::OkStatus();
}

struct UpdateFlags {
  std::string name;
  std::optional<std::string> description;
  std::string durability;
  SplitterFlags splitter;
  IndexFlags index;
  std::string if_match;
};

absl::Status Update(Context& context, const UpdateFlags& flags) {
  v1::UpdateCollectionRequest request;
  auto& paths = *request.mutable_update_mask()->mutable_paths();
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::Collection& collection = *request.mutable_collection();
  collection.set_name(flags.name);
  if (flags.description) {
    collection.set_description(*flags.description);
    *paths.Add() = "description";
  }
  if (!flags.durability.empty()) {
    collection.mutable_options()->set_default_durability(DurabilityOf(flags.durability));
    *paths.Add() = "options.default_durability";
  }
  if (flags.splitter.given() || flags.index.given()) {
    // These are replaced as a whole: begin from the present ones, and do not overwrite a change
    // that somebody makes meanwhile.
    v1::GetCollectionRequest get;
    get.set_name(flags.name);
    KITH_ASSIGN_OR_RETURN(const auto present, client->GetCollection(get));
    collection.set_etag(present.collection().etag());
    if (flags.splitter.given()) {
      v1::SplitterOptions& splitter = *collection.mutable_options()->mutable_splitter();
      splitter = present.collection().options().splitter();
      flags.splitter.ApplyTo(splitter);
      *paths.Add() = "options.splitter";
    }
    if (flags.index.given() && present.collection().vector_spaces_size() == 1) {
      v1::IndexOptions& index = *collection.add_vector_spaces()->mutable_index();
      index = present.collection().vector_spaces(0).index();
      flags.index.ApplyTo(index);
      *paths.Add() = "vector_spaces.*.index";
    }
  }
  if (!flags.if_match.empty()) collection.set_etag(flags.if_match);
  if (paths.empty()) return UsageError("nothing to change: give --description, --splitter, ...");
  KITH_ASSIGN_OR_RETURN(const auto response, client->UpdateCollection(request));
  Print(context, response.collection());
  return absl::OkStatus();
}

struct DeleteFlags {
  std::string name;
  std::string if_match;
};

absl::Status Delete(Context& context, const DeleteFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::DeleteCollectionRequest request;
  request.set_name(flags.name);
  request.set_if_match(flags.if_match);
  KITH_ASSIGN_OR_RETURN(const auto response, client->DeleteCollection(request));
  if (context.json) {
    context.out.Object(ToJson(response.operation()));
  } else {
    context.out.Line(fmt::format("{} deleted; operation {} gives its disk space back",
                                 Printable(flags.name), Printable(response.operation().id())));
  }
  return absl::OkStatus();
}

absl::Status Stats(Context& context, const std::string& name) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::GetCollectionStatsRequest request;
  request.set_name(name);
  KITH_ASSIGN_OR_RETURN(const auto stats, client->GetCollectionStats(request));
  if (context.json) {
    context.out.Object(ToJson(stats));
    return absl::OkStatus();
  }
  Output& out = context.out;
  out.Line(Printable(stats.name()));
  out.Line("  documents      " + Grouped(stats.document_count()));
  out.Line("  passages       " + Grouped(stats.passage_count()));
  out.Line("  text           " + HumanBytes(stats.text_bytes()));
  out.Line("  on disk        " + HumanBytes(stats.disk_bytes()) + " (about)");
  out.Line("  index memory   " + HumanBytes(stats.index_memory_bytes()));
  out.Line(fmt::format("  segments       {} ({} deleted rows)", stats.segment_count(),
                       Grouped(stats.deleted_row_count())));
  out.Line("  last commit    " + Grouped(stats.commit_token().sequence()));
  const Json fields = ToJson(stats)["fields"];
  for (const auto& [field, type] : fields.items()) {
    out.Line(fmt::format("  field          {}: {}", Printable(field), type.get<std::string>()));
  }
  return absl::OkStatus();
}

struct ReembedFlags {
  std::string name;
  std::string encoder;
  std::string if_match;
  bool commit_at_cut_over = false;
  bool commit = false;
  bool rollback = false;
  bool no_wait = false;
};

absl::Status Reembed(Context& context, const ReembedFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  const auto show = [&](const v1::Collection& collection, const char* what) {
    if (context.json) return context.out.Object(ToJson(collection));
    context.out.Line(fmt::format("{} {}: its encoder is {}", Printable(flags.name), what,
                                 Printable(collection.vector_spaces(0).encoder())));
  };
  if (flags.commit) {
    v1::CommitReembeddingRequest request;
    request.set_name(flags.name);
    request.set_if_match(flags.if_match);
    KITH_ASSIGN_OR_RETURN(const auto response, client->CommitReembedding(request));
    show(response.collection(), "committed");
    return absl::OkStatus();
  }
  if (flags.rollback) {
    v1::RollbackReembeddingRequest request;
    request.set_name(flags.name);
    request.set_if_match(flags.if_match);
    KITH_ASSIGN_OR_RETURN(const auto response, client->RollbackReembedding(request));
    show(response.collection(), "rolled back");
    return absl::OkStatus();
  }
  v1::ReembedCollectionRequest request;
  request.set_name(flags.name);
  request.set_encoder(flags.encoder);
  request.set_if_match(flags.if_match);
  request.set_commit_at_cut_over(flags.commit_at_cut_over);
  KITH_ASSIGN_OR_RETURN(const auto response, client->ReembedCollection(request));
  return FollowOperation(context, *client, response.operation(), flags.no_wait);
}

struct EstimateFlags {
  uint64_t passages = 0;
  std::string encoder;
  uint32_t dimension = 0;
  uint32_t text_bytes = 0;
  IndexFlags index;
};

absl::Status Estimate(Context& context, const EstimateFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::EstimateCollectionRequest request;
  request.set_passage_count(flags.passages);
  request.set_mean_text_bytes(flags.text_bytes);
  v1::VectorSpace& space = *request.mutable_vector_space();
  space.set_encoder(flags.encoder);
  space.set_dimension(flags.dimension);
  if (flags.index.given()) flags.index.ApplyTo(*space.mutable_index());
  KITH_ASSIGN_OR_RETURN(const auto estimate, client->EstimateCollection(request));
  if (context.json) {
    context.out.Object(ToJson(estimate));
    return absl::OkStatus();
  }
  Output& out = context.out;
  out.Line("  resident     " + HumanBytes(estimate.resident_bytes()) +
           " (graphs and codes: must fit into the budget)");
  out.Line("  cached       " + HumanBytes(estimate.cached_bytes()) +
           " (exact vectors: best in memory, need not be)");
  out.Line("  building     " + HumanBytes(estimate.build_bytes()) +
           " more while the largest segment is built");
  out.Line("  on disk      " + HumanBytes(estimate.disk_bytes()));
  out.Line(fmt::format("  this server  {} of {} taken", HumanBytes(estimate.memory_used_bytes()),
                       HumanBytes(estimate.memory_budget_bytes())));
  out.Line(estimate.fits() ? "  it fits" : "  it does NOT fit");
  return absl::OkStatus();
}

void AddName(CLI::App& app, std::string& name) {
  app.add_option("name", name, "Name: lower-case letters, digits, - and _")
      ->type_name("NAME")
      ->required();
}

}  // namespace

void AddCollectionsCommands(CLI::App& app, Context& context) {
  CLI::App& group = *AddGroup(app, "collections", "Create, show, change and delete collections");

  auto create = std::make_shared<CreateFlags>();
  CLI::App* command = AddCommand(
      group, context, "create", "Create a collection",
      "  kith collections create articles\n"
      "  kith collections create notes --description \"Meeting notes\" --max-tokens 128\n"
      "  kith collections create images --dimension 512 --metric dot\n",
      [&context, create] { return Create(context, *create); });
  AddName(*command, create->name);
  create->schema.AddTo(*command);

  auto get = std::make_shared<std::string>();
  command = AddCommand(group, context, "get", "Show a collection",
                       "  kith collections get articles\n"
                       "  kith collections get articles --json\n",
                       [&context, get] { return Get(context, *get); });
  AddName(*command, *get);

  AddCommand(group, context, "list", "List all collections",
             "  kith collections list\n"
             "  kith collections list --json | jq -r .name\n",
             [&context] { return List(context); });

  auto update = std::make_shared<UpdateFlags>();
  command = AddCommand(
      group, context, "update", "Change the description or options of a collection",
      "  kith collections update articles --description \"What the manual says\"\n"
      "  kith collections update articles --max-tokens 128   # documents written from now on\n",
      [&context, update] { return Update(context, *update); });
  AddName(*command, update->name);
  command->add_option("--description", update->description, "For people")->type_name("TEXT");
  AddDurabilityFlag(*command, update->durability);
  update->splitter.AddTo(*command);
  update->index.AddTo(*command);
  command->add_option("--if-match", update->if_match, "Only if this is the present etag")
      ->type_name("ETAG");

  auto remove = std::make_shared<DeleteFlags>();
  command = AddCommand(group, context, "delete", "Delete a collection and all its documents",
                       "  kith collections delete articles\n",
                       [&context, remove] { return Delete(context, *remove); });
  AddName(*command, remove->name);
  command->add_option("--if-match", remove->if_match, "Only if this is the present etag")
      ->type_name("ETAG");

  auto stats = std::make_shared<std::string>();
  command = AddCommand(group, context, "stats", "Show a collection's counts and sizes",
                       "  kith collections stats articles\n",
                       [&context, stats] { return Stats(context, *stats); });
  AddName(*command, *stats);

  auto reembed = std::make_shared<ReembedFlags>();
  command = AddCommand(
      group, context, "reembed", "Give a collection another encoder, and wait for the cut-over",
      "  kith collections reembed articles --encoder e5-small    # both are kept from then on\n"
      "  kith collections reembed articles --commit              # the old vectors go\n"
      "  kith collections reembed articles --rollback            # or the new ones do\n",
      [&context, reembed] { return Reembed(context, *reembed); });
  AddName(*command, reembed->name);
  auto* model =
      command->add_option("--encoder", reembed->encoder, "The model (default: the server's own)")
          ->type_name("MODEL");
  command->add_option("--if-match", reembed->if_match, "Only if this is the present etag")
      ->type_name("ETAG");
  auto* at_once = command->add_flag("--commit-at-cut-over", reembed->commit_at_cut_over,
                                    "Commit as soon as the new vectors are searched");
  auto* no_wait =
      command->add_flag("--no-wait", reembed->no_wait, "Show the operation and do not wait for it");
  auto* commit = command->add_flag("--commit", reembed->commit,
                                   "After the cut-over: give up the old vectors for good");
  auto* rollback = command->add_flag("--rollback", reembed->rollback,
                                     "Back to the old vectors, now or after the cut-over");
  rollback->excludes(commit);
  for (CLI::Option* end : {commit, rollback}) {
    end->excludes(model);
    end->excludes(at_once);
    end->excludes(no_wait);
  }

  auto estimate = std::make_shared<EstimateFlags>();
  command = AddCommand(
      group, context, "estimate", "Tell what memory and disk a collection would take",
      "  kith collections estimate --passages 1000000\n"
      "  kith collections estimate --passages 5000000 --dimension 768 --quantization int4\n",
      [&context, estimate] { return Estimate(context, *estimate); });
  command->add_option("--passages", estimate->passages, "How many passages, or vectors")
      ->type_name("N")
      ->required();
  auto* encoder =
      command->add_option("--encoder", estimate->encoder, "The model (default: the server's)")
          ->type_name("MODEL");
  command->add_option("--dimension", estimate->dimension, "Without encoder: values a vector")
      ->type_name("N")
      ->excludes(encoder);
  command->add_option("--text-bytes", estimate->text_bytes, "Text of a passage, on average")
      ->type_name("N");
  estimate->index.AddTo(*command);
}

}  // namespace kith::cli
