// kith ingest

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/document_source.h"
#include "client/cli/exit_code.h"
#include "client/cli/failure.h"
#include "client/cli/ingest_session.h"
#include "client/cli/json.h"
#include "client/cli/progress.h"
#include "client/cli/schema_options.h"
#include "client/cli/source_files.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

struct IngestFlags {
  std::string collection;
  std::vector<std::string> paths;
  bool create = false;
  bool strict = false;
  SchemaFlags schema;
};

// One run of the command: reads the files, feeds the session, tells of what could not be taken.
class Ingestion {
 public:
  Ingestion(Context& context, const IngestFlags& flags, SourceFiles found)
      : context_(context),
        flags_(flags),
        source_(std::move(found)),
        progress_("ingest", "documents", source_.found().bytes) {}

  absl::Status Run(client::Client& client) {
    KITH_ASSIGN_OR_RETURN(session_, IngestSession::Open(client, flags_.collection,
                                                        [this](uint64_t tag, const std::string& id,
                                                               const absl::Status& why) {
                                                          return Report(tag, id, why);
                                                        }));
    for (DocumentSource::Item item; source_.Next(item);) {
      if (!item.document.ok()) {
        KITH_RETURN_IF_ERROR(Report(item.tag, item.id, item.document.status()));
        continue;
      }
      KITH_RETURN_IF_ERROR(session_->Add(*std::move(item.document), item.tag));
      progress_.Update(source_.bytes_done(), session_->accepted());
    }
    KITH_ASSIGN_OR_RETURN(const IngestSummary summary, session_->Finish());
    progress_.Clear();
    return Summarise(summary);
  }

 private:
  // A document that does not get in, where it stands in the input. Under --strict it ends the run.
  absl::Status Report(uint64_t tag, const std::string& id, const absl::Status& why) {
    ++failed_;
    const std::string place = source_.PlaceOf(tag);
    if (flags_.strict) {
      return absl::FailedPreconditionError(
          fmt::format("{}: {}; stopped, since --strict was given", place, BriefFailure(why)));
    }
    progress_.Clear();
    const std::string text = context_.json
                                 ? Dump({{"error",
                                          {{"source", place},
                                           {"id", id},
                                           {"code", absl::StatusCodeToString(why.code())},
                                           {"reason", DetailsOf(why).reason},
                                           {"message", std::string(why.message())}}}})
                                 : fmt::format("{}: {}", Printable(place), BriefFailure(why));
    std::fputs((text + "\n").c_str(), stderr);
    return absl::OkStatus();
  }

  absl::Status Summarise(const IngestSummary& summary) {
    const double seconds = progress_.seconds();
    const double rate = seconds > 0 ? static_cast<double>(summary.accepted) / seconds : 0;
    if (context_.json) {
      context_.out.Object({{"collection", flags_.collection},
                           {"files", source_.found().files.size()},
                           {"skipped_files", source_.found().skipped},
                           {"documents", summary.accepted},
                           {"created", summary.created},
                           {"replaced", summary.accepted - summary.created},
                           {"passages", summary.passages},
                           {"failed", failed_},
                           {"seconds", seconds},
                           {"documents_per_second", rate}});
    } else {
      std::string line = fmt::format(
          "{} ({} new), {}, in {:.1f} s: {:.1f} documents/s", Counted(summary.accepted, "document"),
          Grouped(summary.created), Counted(summary.passages, "passage"), seconds, rate);
      if (source_.found().skipped > 0) {
        line += fmt::format("; {} skipped (not .txt, .md, .jsonl or .fvecs)",
                            Counted(source_.found().skipped, "file"));
      }
      if (failed_ > 0) line += fmt::format("; {} FAILED", Grouped(failed_));
      context_.out.Line(line);
    }
    if (failed_ == 0) return absl::OkStatus();
    return absl::FailedPreconditionError(fmt::format("{} of {} documents were not taken",
                                                     Grouped(failed_),
                                                     Grouped(failed_ + summary.accepted)));
  }

  Context& context_;
  const IngestFlags& flags_;
  DocumentSource source_;
  Progress progress_;
  uint64_t failed_ = 0;
  // Last: the session reports to the rest.
  std::unique_ptr<IngestSession> session_;
};

absl::Status CreateIfMissing(client::Client& client, const IngestFlags& flags) {
  KITH_ASSIGN_OR_RETURN(const auto request, flags.schema.Request(client, flags.collection));
  const absl::Status status = client.CreateCollection(request).status();
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

absl::Status Ingest(Context& context, const IngestFlags& flags) {
  KITH_ASSIGN_OR_RETURN(SourceFiles found, FindSourceFiles(flags.paths));
  if (found.files.empty()) return UsageError("no .txt, .md, .jsonl or .fvecs file is there");
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  if (flags.create) KITH_RETURN_IF_ERROR(CreateIfMissing(*client, flags));
  return Ingestion(context, flags, std::move(found)).Run(*client);
}

}  // namespace

void AddIngestCommand(CLI::App& app, Context& context) {
  auto flags = std::make_shared<IngestFlags>();
  CLI::App* command = AddCommand(
      app, context, "ingest", "Load files and folders into a collection",
      "  kith ingest articles docs/ --create\n"
      "  kith ingest articles notes.md letters/ corpus.jsonl\n"
      "\n"
      "Files (in folders: recursively; names that begin with a dot are left out):\n"
      "  .txt .md   one document; its id is the path in the folder that was named, its metadata\n"
      "             \"source\" (the same) and \"title\" (first heading, else the file's name)\n"
      "  .jsonl     a document a line: {\"id\": \"...\", \"text\": \"...\", \"title\": \"...\",\n"
      "             \"metadata\": {...}, \"vector\": [...]}; all but text or vector may be left "
      "out,\n"
      "             \"_id\" stands for \"id\", other members become metadata\n"
      "  .fvecs     a vector a row (int32 count, float32 values); ids are the rows' numbers,\n"
      "             counted from 0 through all .fvecs files of the command\n"
      "\n"
      "A document that cannot be taken is told on stderr as FILE:LINE, the others go in, and the\n"
      "exit code is 1. Loading the same files again replaces documents under the same ids.\n",
      [&context, flags] { return Ingest(context, *flags); });
  command->add_option("collection", flags->collection, "The collection")
      ->type_name("COLLECTION")
      ->required();
  command->add_option("path", flags->paths, "Files and folders")->type_name("PATH")->required();
  command->add_flag("--strict", flags->strict, "Stop at the first document that cannot be taken");
  auto* create = command->add_flag("--create", flags->create,
                                   "Create the collection if it is missing, as by:");
  flags->schema.AddTo(*command);
  for (CLI::Option* option : command->get_options()) {
    if (option->get_group() != "Options" || option->get_positional()) continue;
    const std::string name = option->get_name();
    if (name != "--strict" && name != "--create" && name.rfind("--help", 0) != 0) {
      option->needs(create)->group("With --create");
    }
  }
}

}  // namespace kith::cli
