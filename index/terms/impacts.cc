#include "index/terms/impacts.h"

#include <algorithm>

#include "kith/base/check.h"

namespace kith::index {
namespace {

// What a pair bounds in a corpus of rows of 128 terms on average: the measure of how much a join
// loosens. Any measure gives bounds that hold.
double TypicalScore(uint8_t tf, uint8_t length) {
  const double norm = 1.2 * (0.25 + 0.75 * ImpactLength(length) / 128);
  return ImpactTf(tf) / (ImpactTf(tf) + norm);
}

}  // namespace

void ImpactCollector::Add(uint32_t tf, uint32_t length) {
  Add(Pair{ImpactTfCode(tf), ImpactLengthCode(length)});
}

void ImpactCollector::Add(const ImpactCollector& other) {
  for (const Pair& pair : other.front_) Add(pair);
}

void ImpactCollector::Add(Pair pair) {
  // The pairs of a tf that is no less come first; the last of them has the least length.
  size_t at = 0;
  while (at < front_.size() && front_[at].tf >= pair.tf) ++at;
  if (at > 0 && front_[at - 1].length <= pair.length) return;
  if (at > 0 && front_[at - 1].tf == pair.tf) --at;
  size_t end = at;
  while (end < front_.size() && front_[end].length >= pair.length) ++end;
  if (end == at) {
    front_.insert(front_.begin() + static_cast<ptrdiff_t>(at), pair);
    return;
  }
  front_[at] = pair;
  front_.erase(front_.begin() + static_cast<ptrdiff_t>(at) + 1,
               front_.begin() + static_cast<ptrdiff_t>(end));
}

void ImpactCollector::AppendTo(std::string& out) const {
  KITH_CHECK(!front_.empty(), "a block holds a posting");
  std::vector<Pair> pairs = front_;
  while (pairs.size() > kImpactPairs) {
    size_t best = 0;
    double best_loss = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i + 1 < pairs.size(); ++i) {
      const double loss = TypicalScore(pairs[i].tf, pairs[i + 1].length) -
                          std::max(TypicalScore(pairs[i].tf, pairs[i].length),
                                   TypicalScore(pairs[i + 1].tf, pairs[i + 1].length));
      if (loss < best_loss) {
        best_loss = loss;
        best = i;
      }
    }
    pairs[best].length = pairs[best + 1].length;
    pairs.erase(pairs.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
  for (size_t i = 0; i < kImpactPairs; ++i) {
    const Pair& pair = pairs[std::min(i, pairs.size() - 1)];
    out += static_cast<char>(pair.tf);
    out += static_cast<char>(pair.length);
  }
}

}  // namespace kith::index
