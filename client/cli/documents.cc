// kith documents put | get | list | count | delete; update is in a file of its own

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/documents_update.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/line_reader.h"
#include "client/cli/metadata.h"
#include "client/cli/text_layout.h"
#include "client/cli/vector_file.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

constexpr size_t kMaxTextBytes = size_t{16} << 20;  // a message; the server has its own limit

std::string MetadataToText(const Metadata& metadata) {
  v1::DocumentInput holder;
  *holder.mutable_metadata() = metadata;
  return Printable(Dump(ToJson(holder)["metadata"]));
}

struct PutFlags {
  std::string collection;
  std::string id;
  std::string text;
  std::string file;
  std::string vector_file;
  std::string vector_fingerprint;
  std::vector<std::string> metadata;
  std::string if_match;
  bool only_new = false;
  CLI::Option* text_option = nullptr;
};

absl::StatusOr<std::string> TextOf(const PutFlags& flags) {
  if (flags.text_option->count() > 0) return flags.text;
  if (!flags.file.empty()) return ReadFile(flags.file, kMaxTextBytes);
  // A vector may come without a text; nobody waits at the keyboard for one then.
  if (!flags.vector_file.empty()) return "";
  return ReadFile("/dev/stdin", kMaxTextBytes);
}

absl::Status Put(Context& context, const PutFlags& flags) {
  v1::UpsertDocumentsRequest request;
  request.set_collection(flags.collection);
  v1::DocumentInput& document = *request.add_documents();
  document.set_id(flags.id);
  KITH_ASSIGN_OR_RETURN(*document.mutable_text(), TextOf(flags));
  if (!IsUtf8(document.text())) return UsageError("the text is not UTF-8");
  if (!flags.vector_file.empty()) {
    KITH_ASSIGN_OR_RETURN(*document.mutable_vector(), ReadVector(flags.vector_file));
    document.set_vector_fingerprint(flags.vector_fingerprint);
  }
  for (const std::string& pair : flags.metadata) {
    KITH_ASSIGN_OR_RETURN(auto parsed, ParseMetadataPair(pair));
    if (!document.mutable_metadata()->insert({parsed.first, parsed.second}).second) {
      return UsageError("metadata \"{}\" is given twice", parsed.first);
    }
  }
  document.set_if_match(flags.if_match);
  if (flags.only_new) document.set_if_none_match("*");

  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  KITH_ASSIGN_OR_RETURN(const auto response, client->UpsertDocuments(request));
  for (const v1::UpsertResult& result : response.results()) {
    if (context.json) {
      context.out.Object(ToJson(result));
    } else {
      context.out.Line(fmt::format("{} {}: {}{}", Printable(result.id()),
                                   result.created() ? "created" : "replaced",
                                   Counted(result.passage_count(), "passage"),
                                   result.truncated() ? ", only its beginning encoded" : ""));
    }
  }
  return absl::OkStatus();
}

struct GetFlags {
  std::string collection;
  std::vector<std::string> ids;
  bool passages = false;
  bool vectors = false;
};

void Print(Context& context, const v1::Document& document, const GetFlags& flags) {
  if (context.json) return context.out.Object(ToJson(document));
  Output& out = context.out;
  out.Line(fmt::format("{}  ({} in {}, updated {}, etag {})", Printable(document.id()),
                       HumanBytes(document.text_bytes()),
                       Counted(document.passage_count(), "passage"),
                       HumanTime(document.update_time()), Printable(document.etag())));
  if (!document.metadata().empty()) out.Line(MetadataToText(document.metadata()));
  if (flags.passages) {
    std::vector<std::vector<std::string>> rows = {{"PASSAGE", "BYTES", "TOKENS", "HEADINGS"}};
    for (const v1::Passage& passage : document.passages()) {
      rows.push_back({fmt::format("{}", passage.index()),
                      fmt::format("{}-{}", passage.begin_byte(), passage.end_byte()),
                      fmt::format("{}", passage.token_count()),
                      Shorten(passage.heading_path(), 60)});
    }
    out.Text("\n" + Table(rows));
  }
  if (flags.vectors) {
    for (const Json& vector : ToJson(document)["vectors"]) out.Line(Dump(vector));
  }
  // The text as it was stored, for a file or a pipe; made harmless for a terminal, line by line.
  std::string_view text = document.text();
  if (text.empty()) return;
  out.Line("");
  if (!IsTerminal(stdout)) return out.Line(text);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    out.Line(Printable(line));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
}

absl::Status Get(Context& context, const GetFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::GetDocumentsRequest request;
  request.set_collection(flags.collection);
  for (const std::string& id : flags.ids) request.add_ids(id);
  request.mutable_select()->set_text(true);
  request.mutable_select()->set_metadata(true);
  request.mutable_select()->set_passages(flags.passages);
  request.mutable_select()->set_vectors(flags.vectors);
  KITH_ASSIGN_OR_RETURN(const auto response, client->GetDocuments(request));
  for (const v1::Document& document : response.documents()) Print(context, document, flags);
  if (response.missing_ids().empty()) return absl::OkStatus();
  return absl::NotFoundError(fmt::format("{} of {} documents do not exist: {}",
                                         response.missing_ids_size(), flags.ids.size(),
                                         fmt::join(response.missing_ids(), ", ")));
}

struct ListFlags {
  std::string collection;
  std::string filter;
  std::string order_by;
  uint64_t limit = 0;
  bool text = false;
};

absl::Status List(Context& context, const ListFlags& flags) {
  constexpr uint64_t kPage = 500;
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::ListDocumentsRequest request;
  request.set_collection(flags.collection);
  if (!flags.filter.empty()) request.set_filter(flags.filter);
  request.set_order_by(flags.order_by);
  request.mutable_select()->set_metadata(true);
  request.mutable_select()->set_text(flags.text);
  uint64_t listed = 0;
  do {
    const uint64_t left = flags.limit == 0 ? kPage : flags.limit - listed;
    request.set_page_size(static_cast<int32_t>(std::min(left, kPage)));
    KITH_ASSIGN_OR_RETURN(const auto response, client->ListDocuments(request));
    // A page is printed when it has come: a collection may have millions of documents.
    for (const v1::Document& document : response.documents()) {
      if (context.json) {
        context.out.Object(ToJson(document));
      } else {
        context.out.Line(fmt::format("{}  {}  {}", Printable(document.id()),
                                     HumanBytes(document.text_bytes()),
                                     Shorten(MetadataToText(document.metadata()), 100)));
        if (flags.text) context.out.Line("    " + Shorten(document.text(), 96));
      }
    }
    listed += static_cast<uint64_t>(response.documents_size());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty() && (flags.limit == 0 || listed < flags.limit));
  return absl::OkStatus();
}

struct CountFlags {
  std::string collection;
  std::string filter;
};

absl::Status Count(Context& context, const CountFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::CountDocumentsRequest request;
  request.set_collection(flags.collection);
  if (!flags.filter.empty()) request.set_filter(flags.filter);
  KITH_ASSIGN_OR_RETURN(const auto response, client->CountDocuments(request));
  if (context.json) {
    context.out.Object(ToJson(response));
  } else {
    context.out.Line(fmt::format("{}", response.count()));
  }
  return absl::OkStatus();
}

struct DeleteFlags {
  std::string collection;
  std::vector<std::string> ids;
  std::string filter;
  bool dry_run = false;
};

absl::Status Delete(Context& context, const DeleteFlags& flags) {
  if (flags.ids.empty() == flags.filter.empty()) {
    return UsageError("say what to delete: either ids or --filter FILTER");
  }
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  v1::DeleteDocumentsRequest request;
  request.set_collection(flags.collection);
  if (!flags.filter.empty()) request.set_filter(flags.filter);
  request.set_dry_run(flags.dry_run);
  for (const std::string& id : flags.ids) request.add_deletes()->set_id(id);
  KITH_ASSIGN_OR_RETURN(const auto response, client->DeleteDocuments(request));
  if (context.json) {
    context.out.Object(ToJson(response));
  } else {
    const std::string deleted = Counted(response.deleted_count(), "document");
    if (flags.dry_run) {
      context.out.Line(deleted + " would be deleted");
    } else if (!flags.filter.empty()) {
      context.out.Line(fmt::format("{} deleted, {} changed meanwhile and left", deleted,
                                   response.changed_count()));
    } else {
      context.out.Line(fmt::format("{} deleted, {} did not exist", response.deleted_count(),
                                   response.missing_count()));
    }
  }
  return absl::OkStatus();
}

void AddFilter(CLI::App& app, std::string& filter) {
  app.add_option("--filter", filter, "Only documents whose metadata passes, as 'year >= 2020'")
      ->type_name("FILTER");
}

void AddCollection(CLI::App& app, std::string& collection) {
  app.add_option("collection", collection, "The collection")->type_name("COLLECTION")->required();
}

}  // namespace

void AddDocumentsCommands(CLI::App& app, Context& context) {
  CLI::App& group = *AddGroup(app, "documents", "Write, read and delete single documents");

  auto put = std::make_shared<PutFlags>();
  CLI::App* command = AddCommand(
      group, context, "put", "Write one document, replacing the one that has its id",
      "  kith documents put articles attention --text \"Attention weighs values by ...\"\n"
      "  kith documents put articles attention --file attention.md --metadata year=2017 \\\n"
      "      --metadata 'tags:=[\"transformer\",\"nlp\"]'\n"
      "  fortune | kith documents put quotes today --only-new\n",
      [&context, put] { return Put(context, *put); });
  AddCollection(*command, put->collection);
  command->add_option("id", put->id, "The document's id")->type_name("ID")->required();
  put->text_option =
      command->add_option("--text", put->text, "The text (else --file, else standard input)")
          ->type_name("TEXT");
  command->add_option("--file", put->file, "A file with the text, UTF-8")
      ->type_name("FILE")
      ->excludes(put->text_option);
  auto* vector_file =
      command->add_option("--vector-file", put->vector_file, "A file with a vector: a JSON list")
          ->type_name("FILE");
  command
      ->add_option("--vector-fingerprint", put->vector_fingerprint,
                   "Of the encoder that made the vector, in a collection that has one")
      ->type_name("HEX")
      ->needs(vector_file);
  command
      ->add_option("--metadata", put->metadata,
                   "key=value (number, true/false or string as it looks), or key:=JSON; repeatable")
      ->type_name("K=V")
      ->allow_extra_args(false);
  auto* if_match =
      command->add_option("--if-match", put->if_match, "Only if the stored document has this etag")
          ->type_name("ETAG");
  command->add_flag("--only-new", put->only_new, "Only if no document has this id")
      ->excludes(if_match);

  auto get = std::make_shared<GetFlags>();
  command = AddCommand(group, context, "get", "Show documents by id",
                       "  kith documents get articles attention\n"
                       "  kith documents get articles attention bert --passages\n"
                       "  kith documents get articles attention --json | jq -r .text\n",
                       [&context, get] { return Get(context, *get); });
  AddCollection(*command, get->collection);
  command->add_option("id", get->ids, "Ids, at most 1,000")->type_name("ID")->required();
  command->add_flag("--passages", get->passages, "Also the spans that are encoded");
  command->add_flag("--vectors", get->vectors, "Also the vectors");

  AddDocumentsUpdateCommand(group, context);

  auto list = std::make_shared<ListFlags>();
  command =
      AddCommand(group, context, "list", "List documents, by id or by a field",
                 "  kith documents list articles --limit 20\n"
                 "  kith documents list articles --filter 'lang = en' --order-by 'year desc'\n"
                 "  kith documents list articles --text --json > articles.jsonl\n",
                 [&context, list] { return List(context, *list); });
  AddCollection(*command, list->collection);
  AddFilter(*command, list->filter);
  command->add_option("--order-by", list->order_by, "A field, as \"year\" or \"year desc\"")
      ->type_name("FIELD");
  command->add_option("--limit", list->limit, "At most so many (default: all)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command->add_flag("--text", list->text, "Also the texts");

  auto count = std::make_shared<CountFlags>();
  command = AddCommand(group, context, "count", "Count documents",
                       "  kith documents count articles\n"
                       "  kith documents count articles --filter 'year >= 2020'\n",
                       [&context, count] { return Count(context, *count); });
  AddCollection(*command, count->collection);
  AddFilter(*command, count->filter);

  auto remove = std::make_shared<DeleteFlags>();
  command = AddCommand(group, context, "delete", "Delete documents by id, or by their metadata",
                       "  kith documents delete articles attention bert\n"
                       "  kith documents delete articles --filter 'tags:draft' --dry-run\n",
                       [&context, remove] { return Delete(context, *remove); });
  AddCollection(*command, remove->collection);
  command->add_option("id", remove->ids, "Ids, at most 1,000")->type_name("ID");
  AddFilter(*command, remove->filter);
  command->add_flag("--dry-run", remove->dry_run, "Only say how many would be deleted");
}

}  // namespace kith::cli
