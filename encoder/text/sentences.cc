#include "encoder/text/sentences.h"

#include <algorithm>

#include "encoder/text/lines.h"

namespace kith::encoder {
namespace {

// The section byte for byte, with spaces for the line ends that join two lines of one paragraph.
std::string JoinWrappedLines(std::string_view section) {
  std::string joined(section);
  FenceTracker fence;
  std::string_view rest = section;
  bool open = false;    // the line above may go on
  size_t line_end = 0;  // of the line above
  while (!rest.empty()) {
    const size_t begin = section.size() - rest.size();
    const std::string_view line = TakeLine(&rest);
    const bool fenced = fence.Inside(line);
    if (open && !fenced && !IsBlank(line) && !StartsBlock(line)) {
      std::fill(joined.begin() + static_cast<ptrdiff_t>(line_end),
                joined.begin() + static_cast<ptrdiff_t>(begin), ' ');
    }
    line_end = begin + line.size();
    // Two spaces or a backslash before a line end ask for it in Markdown; rows and headings have no
    // second line.
    open = !fenced && !IsBlank(line) && !line.ends_with("  ") && !line.ends_with('\\') &&
           !line.starts_with('|') && !AtxHeading(line) && SetextLevel(line) == 0;
  }
  return joined;
}

bool HasBlankLine(std::string_view gap) {
  const size_t first = gap.find('\n');
  return first != gap.npos && gap.find('\n', first + 1) != gap.npos;
}

}  // namespace

void SentenceReader::Start(std::string_view text, Span section) {
  text_ = text;
  section_ = section;
  joined_ = JoinWrappedLines(section.Of(text));
  at_ = 0;
  boundaries_.Start(joined_);
  if (!NextSpan(&ahead_)) ahead_ = {};
}

bool SentenceReader::Next(Sentence* sentence) {
  if (ahead_.empty()) return false;
  sentence->span = ahead_;
  if (!NextSpan(&ahead_)) ahead_ = {};
  sentence->ends_paragraph =
      ahead_.empty() ||
      HasBlankLine(text_.substr(sentence->span.end, ahead_.begin - sentence->span.end));
  return true;
}

bool SentenceReader::NextSpan(Span* span) {
  for (uint32_t next; (next = boundaries_.Next()) != Boundaries::kDone;) {
    const Span raw = {section_.begin + at_, section_.begin + next};
    at_ = next;
    *span = Trimmed(text_, raw);
    if (!span->empty()) return true;
  }
  return false;
}

}  // namespace kith::encoder
