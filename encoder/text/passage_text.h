// What of a passage is encoded. The splitter counts the tokens of exactly the string that the
// encoder is given later: both make it here.

#ifndef KITH_ENCODER_TEXT_PASSAGE_TEXT_H_
#define KITH_ENCODER_TEXT_PASSAGE_TEXT_H_

#include <string>
#include <string_view>

namespace kith::encoder {

// `text`, below its heading path ("Guide > Install") if it has one. The model's passage prompt goes
// before all of it and is not part of it.
inline std::string PassageText(std::string_view heading_path, std::string_view text) {
  std::string out;
  out.reserve(heading_path.size() + 1 + text.size());
  if (!heading_path.empty()) {
    out.append(heading_path);
    out.push_back('\n');
  }
  out.append(text);
  return out;
}

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TEXT_PASSAGE_TEXT_H_
