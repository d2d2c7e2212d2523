// What a search looks for: by meaning (vectors), by words (BM25), by both, or by examples. Plain
// values; part of a SearchRequest (search.h).

#ifndef KITH_SERVER_ENGINE_QUERY_H_
#define KITH_SERVER_ENGINE_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kith::engine {

// --- By vectors.

// The collection's encoder makes a vector of it.
struct TextQuery {
  std::string text;
};
struct VectorQuery {
  std::vector<float> values;
};
// Each passage of the document asks (the first 16), the best score counts; the document itself is
// left out.
struct DocumentQuery {
  std::string id;
};

// --- By words.

// Passages that have some of the words of `text`, best first by BM25 (index/terms/bm25.h).
struct LexicalQuery {
  std::string text;
};

// --- By several queries at once, whose rankings are fused.

// Reciprocal rank fusion (Cormack, Clarke & Buettcher 2009): a part contributes weight / (k + rank)
// to a hit that it ranks, counted from 1, and nothing to others.
struct RrfFusion {
  double k = 60;                     // 1..10,000: how little the first ranks stand out
  std::vector<double> weights = {};  // 0..1000, one a part; empty: 1 each
};

// A part contributes weight * normalised score to a hit that it found, and nothing to others.
struct WeightedFusion {
  enum class Normalisation {
    kNone,  // scores as they are
    // The part's best candidate becomes 1 and its worst one 0. Words: so does what has none of
    // them, if it is filled in.
    kMinMax,
    kZScore,  // mean - 3 standard deviations becomes 0, mean + 3 of them 1; clipped
  };
  std::vector<double> weights = {};  // 0..1000, one a part; empty: 1 each
  Normalisation normalisation = Normalisation::kMinMax;
};

using Fusion = std::variant<RrfFusion, WeightedFusion>;

struct HybridQuery {
  using Part = std::variant<TextQuery, VectorQuery, DocumentQuery, LexicalQuery>;

  std::vector<Part> parts;  // 1..kHybridPartsMax
  // Absent: DefaultFusion(parts), of fusion.h.
  std::optional<Fusion> fusion = {};
  // Candidates of each part that are fused: limit + offset at least, kHybridCandidatesMax at most.
  // Searches with the same number on the same View fuse the same lists, so that pages fit together.
  // 0: kHybridCandidates, or limit + offset where that is more.
  int64_t candidates = 0;
  // What one part found and another did not gets its score from that other one, too, and a rank
  // behind (or between) those that it found. Otherwise it has neither, and no contribution.
  // Absent: under the default fusion, which is best with it.
  std::optional<bool> fill_in = {};
};
inline constexpr size_t kHybridPartsMax = 8;
inline constexpr int64_t kHybridCandidates = 100;
inline constexpr int64_t kHybridCandidatesMax = 10'000;

// What one part of a hybrid query says about a hit.
struct PartScore {
  uint32_t rank = 0;           // among the part's candidates, from 1; 0: none
  std::optional<float> score;  // as the part alone would give it; absent if it did not find the hit
  float normalised = 0;        // RRF: 1 / (k + rank)
  float contribution = 0;      // contributions of all parts add up to the hit's score, exactly
  bool filled_in = false;      // the part did not find the hit by itself
};

// --- By examples.

// Rows near to some examples and far from others. Documents that are examples are left out.
struct RecommendQuery {
  using Example = std::variant<TextQuery, VectorQuery, DocumentQuery>;
  enum class Method {
    // One vector asks: the mean of the positive examples, moved away from the mean of the negative
    // ones by as much as they differ. Under cosine each example counts with length 1.
    kAverage,
    // Every positive example asks, the best score counts. Rows that score at least as much with a
    // negative example do not match.
    kBestScore,
  };

  std::vector<Example> positive;       // at least one
  std::vector<Example> negative = {};  // with `positive` at most kExamplesMax
  Method method = Method::kAverage;
};
inline constexpr size_t kExamplesMax = 64;

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_QUERY_H_
