// kith search

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/text_layout.h"
#include "client/cli/tuning_options.h"
#include "client/cli/vector_file.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

struct SearchFlags {
  std::string collection;
  std::string text;
  std::string like;
  std::string vector_file;
  int32_t limit = 10;
  int32_t offset = 0;
  std::string group_by = "passage";
  int32_t passages = 3;
  TuningFlags tuning;
  bool vectors = false;
  size_t lines = 3;
  CLI::Option* text_option = nullptr;
};

absl::StatusOr<v1::SearchRequest> RequestOf(const SearchFlags& flags) {
  v1::SearchRequest request;
  request.set_collection(flags.collection);
  const bool has_text = flags.text_option->count() > 0;
  if (has_text + !flags.like.empty() + !flags.vector_file.empty() != 1) {
    return UsageError("ask by one of TEXT, --like DOCUMENT_ID and --vector-file FILE");
  }
  if (has_text) {
    if (!IsUtf8(flags.text)) return UsageError("the question is not UTF-8");
    request.mutable_query()->set_text(flags.text);
  } else if (!flags.like.empty()) {
    request.mutable_query()->set_document_id(flags.like);
  } else {
    KITH_ASSIGN_OR_RETURN(*request.mutable_query()->mutable_vector(),
                          ReadVector(flags.vector_file));
  }
  request.set_limit(flags.limit);
  request.set_offset(flags.offset);
  if (flags.tuning.given()) flags.tuning.ApplyTo(*request.mutable_tuning());
  if (flags.group_by == "document") {
    request.set_group_by(v1::GROUP_BY_DOCUMENT);
    request.set_passages_per_group(flags.passages);
  }
  request.mutable_select()->set_text(true);
  request.mutable_select()->set_metadata(true);
  request.mutable_select()->set_vectors(flags.vectors);
  return request;
}

// A passage under its hit: headings on a line of their own, then the text.
void PrintPassage(Output& out, const v1::Passage& passage, const std::string& text, size_t columns,
                  size_t lines) {
  const std::string indent = "      ";
  const size_t room = columns - indent.size();
  if (!passage.heading_path().empty()) {
    out.Line(indent + Shorten("# " + passage.heading_path(), room));
  }
  const std::string_view body = passage.heading_path().empty() ? text : SkipHeadings(text);
  for (const std::string& line : Wrap(body, room, lines)) out.Line(indent + line);
}

void PrintHit(Context& context, const v1::SearchHit& hit, size_t rank, size_t lines) {
  Output& out = context.out;
  const size_t columns = TerminalColumns(stdout);
  out.Line(fmt::format("{:>3}.  {:.4f}  {}", rank, hit.score(),
                       Shorten(hit.document_id(), std::max<size_t>(columns, 40) - 15)));
  if (hit.passages().empty()) {
    PrintPassage(out, hit.passage(), hit.text(), columns, lines);
  }
  for (const v1::ScoredPassage& scored : hit.passages()) {
    if (hit.passages_size() > 1) {
      out.Line(fmt::format("      passage {}, {:.4f}", scored.passage().index(), scored.score()));
    }
    PrintPassage(out, scored.passage(), scored.text(), columns, lines);
  }
  out.Line("");
}

absl::Status Search(Context& context, const SearchFlags& flags) {
  KITH_ASSIGN_OR_RETURN(const v1::SearchRequest request, RequestOf(flags));
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  KITH_ASSIGN_OR_RETURN(const v1::SearchResponse response, client->Search(request));
  size_t rank = static_cast<size_t>(flags.offset);
  for (const v1::SearchHit& hit : response.hits()) {
    ++rank;
    if (context.json) {
      Json object = {{"rank", rank}};
      object.update(ToJson(hit));
      context.out.Object(object);
    } else {
      PrintHit(context, hit, rank, flags.lines);
    }
  }
  if (context.json) return absl::OkStatus();
  if (response.hits().empty()) context.out.Line("nothing found");
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
      "  kith search articles \"vector index\" --limit 3 --group-by document\n"
      "  kith search articles --like attention.md          # documents like this one\n"
      "  kith search articles \"attention\" --json | jq -r '[.score, .document_id] | @tsv'\n",
      [&context, flags] { return Search(context, *flags); });
  command->add_option("collection", flags->collection, "The collection")
      ->type_name("COLLECTION")
      ->required();
  flags->text_option = command->add_option("text", flags->text, "The question")->type_name("TEXT");
  command->add_option("--like", flags->like, "Ask by a stored document instead")
      ->type_name("DOCUMENT_ID");
  command
      ->add_option("--vector-file", flags->vector_file, "Ask by a vector: a file with a JSON list")
      ->type_name("FILE");
  command->add_option("--limit", flags->limit, "Most hits")->type_name("N")->capture_default_str();
  command->add_option("--offset", flags->offset, "Best hits to skip")->type_name("N");
  command->add_option("--group-by", flags->group_by, "What a hit is: passage or document")
      ->check(CLI::IsMember({"passage", "document"}))
      ->capture_default_str();
  command->add_option("--passages", flags->passages, "With --group-by document: passages of each")
      ->type_name("N")
      ->capture_default_str();
  flags->tuning.AddTo(*command);
  command->add_flag("--vectors", flags->vectors, "With --json: also the vectors");
  command->add_option("--lines", flags->lines, "Most lines of text shown of a passage")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
}

}  // namespace kith::cli
