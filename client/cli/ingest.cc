// kith ingest

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/document_file.h"
#include "client/cli/exit_code.h"
#include "client/cli/failure.h"
#include "client/cli/ingest_session.h"
#include "client/cli/json.h"
#include "client/cli/line_reader.h"
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

// A place in the input as a document's tag: the file's number above, the line (0: the whole file)
// below.
constexpr int kLineBits = 40;
uint64_t TagOf(size_t file, uint64_t line) {
  return uint64_t{file} << kLineBits | (line & ((uint64_t{1} << kLineBits) - 1));
}

// One run of the command: reads the files, feeds the session, tells of what could not be taken.
class Ingestion {
 public:
  Ingestion(Context& context, const IngestFlags& flags, SourceFiles found)
      : context_(context),
        flags_(flags),
        found_(std::move(found)),
        progress_("ingest", "documents", found_.bytes) {}

  absl::Status Run(client::Client& client) {
    KITH_ASSIGN_OR_RETURN(session_, IngestSession::Open(client, flags_.collection,
                                                        [this](uint64_t tag, const std::string& id,
                                                               const absl::Status& why) {
                                                          return Report(tag, id, why);
                                                        }));
    std::unordered_map<std::string, size_t> ids;  // of whole files, to the file that has it
    for (size_t i = 0; i < found_.files.size(); ++i) {
      const SourceFile& file = found_.files[i];
      if (file.kind == FileKind::kJsonLines) {
        KITH_RETURN_IF_ERROR(AddLines(i));
        continue;
      }
      const auto [same, is_new] = ids.try_emplace(file.id, i);
      if (!is_new) {
        KITH_RETURN_IF_ERROR(Report(
            TagOf(i, 0), file.id,
            UsageError("{} gave the id {} already", found_.files[same->second].path, file.id)));
      } else {
        KITH_RETURN_IF_ERROR(AddFile(i));
      }
      bytes_done_ += file.bytes;
    }
    KITH_ASSIGN_OR_RETURN(const IngestSummary summary, session_->Finish());
    progress_.Clear();
    return Summarise(summary);
  }

 private:
  absl::Status AddFile(size_t index) {
    constexpr size_t kMaxBytes = size_t{16} << 20;  // a message; the server has its own limit
    const SourceFile& file = found_.files[index];
    auto text = ReadFile(file.path, kMaxBytes);
    auto document = text.ok() ? DocumentOfText(file, *std::move(text))
                              : absl::StatusOr<v1::DocumentInput>(text.status());
    if (!document.ok()) return Report(TagOf(index, 0), file.id, document.status());
    return Add(*std::move(document), TagOf(index, 0), bytes_done_ + file.bytes);
  }

  absl::Status AddLines(size_t index) {
    const SourceFile& file = found_.files[index];
    auto lines = LineReader::Open(file.path);
    if (!lines.ok()) return Report(TagOf(index, 0), file.id, lines.status());
    for (std::string_view line; (*lines)->Next(line);) {
      if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
      const uint64_t tag = TagOf(index, (*lines)->number());
      auto document = (*lines)->too_long()
                          ? UsageError("longer than {} bytes", LineReader::kMaxLineBytes)
                          : DocumentOfJsonLine(line);
      KITH_RETURN_IF_ERROR(
          document.ok() ? Add(*std::move(document), tag, bytes_done_ + (*lines)->bytes_read())
                        : Report(tag, "", document.status()));
    }
    bytes_done_ += (*lines)->bytes_read();
    const absl::Status read = (*lines)->status();
    return read.ok() ? read : Report(TagOf(index, 0), file.id, read);
  }

  absl::Status Add(v1::DocumentInput document, uint64_t tag, uint64_t bytes_done) {
    KITH_RETURN_IF_ERROR(session_->Add(std::move(document), tag));
    progress_.Update(bytes_done, session_->accepted());
    return absl::OkStatus();
  }

  // A document that does not get in, where it stands in the input. Under --strict it ends the run.
  absl::Status Report(uint64_t tag, const std::string& id, const absl::Status& why) {
    ++failed_;
    const uint64_t line = tag & ((uint64_t{1} << kLineBits) - 1);
    std::string place = found_.files[tag >> kLineBits].path;
    if (line > 0) place += fmt::format(":{}", line);
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
                           {"files", found_.files.size()},
                           {"skipped_files", found_.skipped},
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
      if (found_.skipped > 0) {
        line +=
            fmt::format("; {} skipped (not .txt, .md or .jsonl)", Counted(found_.skipped, "file"));
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
  const SourceFiles found_;
  Progress progress_;
  uint64_t bytes_done_ = 0;  // of the files before the present one
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
  if (found.files.empty()) return UsageError("no .txt, .md or .jsonl file is there");
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
