// The heading path of a passage: the titles above it, joined and short enough.

#ifndef KITH_ENCODER_TEXT_HEADING_PATH_H_
#define KITH_ENCODER_TEXT_HEADING_PATH_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "encoder/text/token_counter.h"

namespace kith::encoder {

// "Guide > Install" of {"Guide", "Install"}. Of more than `max_tokens` tokens the levels on the
// left are left out; a last title that is too long alone keeps its first words, maybe none.
std::string HeadingPath(const std::vector<std::string_view>& titles, uint32_t max_tokens,
                        TokenCounter* counter);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TEXT_HEADING_PATH_H_
