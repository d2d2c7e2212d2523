// Where the levels of one component lie. Internal to index/codes/.

#ifndef KITH_INDEX_CODES_CODE_LEVELS_H_
#define KITH_INDEX_CODES_CODE_LEVELS_H_

#include <span>

namespace kith::index {

// Code c stands for low + c * step; with step 0 there is only code 0.
struct CodeLevels {
  float low = 0;
  float step = 0;
};

// The `levels` equally spaced levels that are nearest to the values in the least-squares sense, as
// far as a descent from several starts finds them. The values are sorted by it. REQUIRES: values
// not empty, finite, within +-1e30.
CodeLevels LearnLevels(std::span<float> values, int levels);

}  // namespace kith::index

#endif  // KITH_INDEX_CODES_CODE_LEVELS_H_
