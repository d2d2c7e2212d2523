#include "client/cli/search_output.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/text_layout.h"
#include "fmt/format.h"

namespace kith::cli {
namespace {

constexpr std::string_view kIndent = "      ";

// A passage under its hit: headings on a line of their own, then the text.
void PrintPassage(Output& out, const v1::Passage& passage, const std::string& text, size_t columns,
                  size_t lines) {
  const std::string indent(kIndent);
  const size_t room = columns - indent.size();
  if (!passage.heading_path().empty()) {
    out.Line(indent + Shorten("# " + passage.heading_path(), room));
  }
  const std::string_view body = passage.heading_path().empty() ? text : SkipHeadings(text);
  for (const std::string& line : Wrap(body, room, lines)) out.Line(indent + line);
}

std::string_view NameOf(const v1::HybridPart& part) {
  switch (part.part_case()) {
    case v1::HybridPart::kLexical:
      return "words";
    case v1::HybridPart::kText:
      return "meaning";
    case v1::HybridPart::kVector:
      return "vector";
    case v1::HybridPart::kDocumentId:
      return "document";
    case v1::HybridPart::PART_NOT_SET:
      break;
  }
  return "part";
}

std::string Describe(std::string_view name, const v1::PartScore& part) {
  if (!part.has_score()) return fmt::format("{}: not found", name);
  const std::string rank = part.rank() == 0 ? "no rank" : fmt::format("rank {}", part.rank());
  return fmt::format("{}: {:.4f}, {}{} -> {:.4f}", name, part.score(), rank,
                     part.filled_in() ? ", filled in" : "", part.contribution());
}

}  // namespace

void PrintHit(Context& context, const v1::SearchRequest& request, const v1::SearchHit& hit,
              size_t rank, size_t lines) {
  Output& out = context.out;
  const size_t columns = TerminalColumns(stdout);
  const bool by_value = request.group_by() == v1::GROUP_BY_FIELD;
  const std::string name =
      by_value ? fmt::format("{} ({})", hit.group_value(), hit.document_id()) : hit.document_id();
  const float score = hit.has_rerank() ? hit.rerank().score() : hit.score();
  out.Line(fmt::format("{:>3}.  {:.4f}  {}", rank, score,
                       Shorten(name, std::max<size_t>(columns, 40) - 15)));
  if (hit.has_rerank()) {
    out.Line(fmt::format("{}reranked: was {}. with {:.4f}", kIndent, hit.rerank().former_rank(),
                         hit.score()));
  }
  for (int i = 0; i < hit.parts_size(); ++i) {
    const auto& parts = request.query().hybrid().parts();
    const std::string_view part = i < parts.size() ? NameOf(parts[i]) : "part";
    out.Line(std::string(kIndent) + Describe(part, hit.parts(i)));
  }
  if (hit.passages().empty()) PrintPassage(out, hit.passage(), hit.text(), columns, lines);
  for (const v1::ScoredPassage& scored : hit.passages()) {
    if (hit.passages_size() > 1) {
      const std::string of = by_value ? " of " + Shorten(scored.document_id(), 60) : "";
      out.Line(fmt::format("{}passage {}{}, {:.4f}", kIndent, scored.passage().index(), of,
                           scored.has_rerank() ? scored.rerank().score() : scored.score()));
    }
    PrintPassage(out, scored.passage(), scored.text(), columns, lines);
  }
  out.Line("");
}

void PrintExplanation(Context& context, const v1::SearchExplanation& explanation) {
  std::vector<std::vector<std::string>> rows = {{"STAGE", "MICROSECONDS", "WHAT"}};
  for (const v1::SearchStage& stage : explanation.stages()) {
    std::vector<std::string> what;
    if (!stage.detail().empty()) what.push_back(Printable(stage.detail()));
    for (const v1::StageCount& count : stage.counts()) {
      what.push_back(fmt::format("{} {}", Grouped(count.count()), Printable(count.name())));
    }
    rows.push_back({Printable(stage.name()), fmt::format("{:.1f}", stage.microseconds()),
                    fmt::format("{}", fmt::join(what, "; "))});
  }
  rows.push_back({"total", fmt::format("{:.1f}", explanation.total_microseconds()), ""});
  context.out.Text(Table(rows));
}

}  // namespace kith::cli
