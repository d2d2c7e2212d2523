#include "encoder/text/sections.h"

#include "encoder/utf8.h"

namespace kith::encoder {
namespace {

std::string_view Shortened(std::string_view title) {
  if (title.size() <= kMaxTitleBytes) return title;
  size_t end = title.rfind(' ', kMaxTitleBytes);
  if (end == title.npos || end == 0) {
    end = kMaxTitleBytes;
    while (IsUtf8Continuation(title[end])) --end;
  }
  return title.substr(0, end);
}

}  // namespace

SectionReader::SectionReader(std::string_view text) : text_(text), rest_(text) { SkipYamlHeader(); }

void SectionReader::SkipYamlHeader() {
  std::string_view rest = text_;
  if (TakeLine(&rest) != "---") return;
  while (!rest.empty()) {
    const std::string_view line = TakeLine(&rest);
    if (line == "---" || line == "...") {
      rest_ = rest;
      return;
    }
  }
}

// The next heading, and where its first line begins; false at the end.
bool SectionReader::FindHeading(Heading* heading, uint32_t* begin) {
  while (!rest_.empty()) {
    const uint32_t line_begin = OffsetOf(rest_);
    const std::string_view line = TakeLine(&rest_);
    if (fence_.Inside(line)) {
      paragraph_above_ = false;
      continue;
    }
    if (const std::optional<Heading> atx = AtxHeading(line)) {
      *heading = *atx;
      *begin = line_begin;
      paragraph_above_ = false;
      return true;
    }
    const bool is_text = !IsBlank(line) && !StartsBlock(line);
    if (is_text && !paragraph_above_) {
      std::string_view after = rest_;
      const int level = SetextLevel(TakeLine(&after));
      if (level != 0) {
        rest_ = after;
        *heading = {level, Trimmed(line, {0, static_cast<uint32_t>(line.size())}).Of(line)};
        *begin = line_begin;
        return true;
      }
    }
    paragraph_above_ = !IsBlank(line);
  }
  return false;
}

bool SectionReader::Next(Section* section) {
  while (section_begin_ < text_.size()) {
    section->headings.clear();
    for (const auto& [level, title] : open_) section->headings.push_back(Shortened(title));
    const uint32_t body_begin = open_.empty() ? section_begin_ : OffsetOf(rest_);
    Heading heading;
    uint32_t begin = static_cast<uint32_t>(text_.size());
    const bool found = FindHeading(&heading, &begin);
    if (found) {
      while (!open_.empty() && open_.back().first >= heading.level) open_.pop_back();
      open_.emplace_back(heading.level, heading.title);
    }
    // Nothing stands between two headings: they begin a section together.
    if (found && Trimmed(text_, {body_begin, begin}).empty()) continue;
    section->span = {section_begin_, begin};
    section_begin_ = begin;
    return true;
  }
  return false;
}

}  // namespace kith::encoder
