// Sections: a Markdown document cut at its headings, each part with the path of headings above it.
// ATX headings ("## Title") count everywhere but in fenced code; setext headings ("Title" over
// "=====") where the title is a paragraph of one line; a YAML header before the document is text.
//
//   SectionReader reader(text);
//   Section section;
//   while (reader.Next(&section)) ...
//
// Sections are handed out one at a time, because the paths of all together could be a hundred times
// as large as the text.
//
// Thread-safety: one thread at a time.

#ifndef KITH_ENCODER_TEXT_SECTIONS_H_
#define KITH_ENCODER_TEXT_SECTIONS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "encoder/text/lines.h"
#include "encoder/text/span.h"

namespace kith::encoder {

struct Section {
  Span span;  // with its heading lines; all sections together cover the text
  std::vector<std::string_view> headings;  // titles from the top level down, pieces of the text
};

// Of a longer title only the beginning goes into the path.
inline constexpr size_t kMaxTitleBytes = 200;

class SectionReader {
 public:
  // `text` must outlive the reader and the sections.
  explicit SectionReader(std::string_view text);

  // A section begins at a heading; headings with nothing but blank lines between them begin one
  // section together. False at the end of the text.
  bool Next(Section* section);

 private:
  void SkipYamlHeader();
  bool FindHeading(Heading* heading, uint32_t* begin);
  uint32_t OffsetOf(std::string_view rest) const {
    return static_cast<uint32_t>(text_.size() - rest.size());
  }

  const std::string_view text_;
  std::string_view rest_;       // not yet looked at
  uint32_t section_begin_ = 0;  // of the section that is being read
  FenceTracker fence_;
  bool paragraph_above_ = false;  // the line above is text that a line could go on with
  // Headings that hold where the reader is: rising levels.
  std::vector<std::pair<int, std::string_view>> open_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TEXT_SECTIONS_H_
