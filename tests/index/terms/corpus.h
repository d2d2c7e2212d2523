// A random corpus for the tests of index/terms, and BM25 written down plainly over it: the oracle.

#ifndef KITH_TESTS_INDEX_TERMS_CORPUS_H_
#define KITH_TESTS_INDEX_TERMS_CORPUS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "index/terms/bm25.h"
#include "index/terms/row_terms.h"
#include "index/terms/term_index_builder.h"

namespace kith::index {

inline RowTerms TermsOf(const std::vector<std::string>& words) {
  return RowTerms::Of(std::vector<std::string_view>(words.begin(), words.end()));
}

// Words are as frequent as in real text: word i in proportion to 1 / (i + 1).
class CorpusMaker {
 public:
  CorpusMaker(uint32_t words, uint32_t max_length, uint64_t seed)
      : max_length_(max_length), random_(seed) {
    for (uint32_t i = 0; i < words; ++i) weights_.push_back(1.0 / (i + 1));
    distribution_ = std::discrete_distribution<uint32_t>(weights_.begin(), weights_.end());
  }

  std::string Word() { return "w" + std::to_string(distribution_(random_)); }

  RowTerms Row() {
    std::vector<std::string> words(random_() % (max_length_ + 1));
    for (std::string& word : words) word = Word();
    // Now and then a word that is repeated, and a very long row.
    if (random_() % 8 == 0) words.insert(words.end(), random_() % 300, Word());
    return TermsOf(words);
  }

  std::vector<RowTerms> Rows(uint32_t count) {
    std::vector<RowTerms> rows;
    for (uint32_t i = 0; i < count; ++i) rows.push_back(Row());
    return rows;
  }

  RowTerms Query(uint32_t length) {
    std::vector<std::string> words(length);
    for (std::string& word : words) word = Word();
    return TermsOf(words);
  }

  std::mt19937_64& random() { return random_; }

 private:
  const uint32_t max_length_;
  std::mt19937_64 random_;
  std::vector<double> weights_;
  std::discrete_distribution<uint32_t> distribution_;
};

inline uint32_t TfOf(const RowTerms& row, std::string_view term) {
  for (size_t i = 0; i < row.size(); ++i) {
    if (row.term(i) == term) return row.count(i);
  }
  return 0;
}

struct OracleHit {
  uint32_t source;
  uint32_t slot;
  double score;
};

// All rows that have a term of the query, best first, over several segments.
inline std::vector<OracleHit> OracleSearch(
    const std::vector<std::vector<RowTerms>>& segments, const RowTerms& query,
    const std::function<bool(uint32_t, uint32_t)>& allows = nullptr, double k1 = 1.2,
    double b = 0.75) {
  double rows = 0, total_length = 0;
  std::vector<double> term_rows(query.size());
  for (const auto& segment : segments) {
    for (const RowTerms& row : segment) {
      rows += 1;
      total_length += row.length();
      for (size_t t = 0; t < query.size(); ++t) term_rows[t] += TfOf(row, query.term(t)) > 0;
    }
  }
  std::vector<OracleHit> hits;
  for (uint32_t s = 0; s < segments.size(); ++s) {
    for (uint32_t slot = 0; slot < segments[s].size(); ++slot) {
      const RowTerms& row = segments[s][slot];
      double score = 0;
      bool met = false;
      for (size_t t = 0; t < query.size(); ++t) {
        const double tf = TfOf(row, query.term(t));
        if (tf == 0) continue;
        met = true;
        const double idf = std::log(1 + (rows - term_rows[t] + 0.5) / (term_rows[t] + 0.5));
        score += idf * tf / (tf + k1 * (1 - b + b * row.length() / (total_length / rows)));
      }
      if (met && (!allows || allows(s, slot))) hits.push_back({s, slot, score});
    }
  }
  std::stable_sort(hits.begin(), hits.end(),
                   [](const OracleHit& x, const OracleHit& y) { return x.score > y.score; });
  return hits;
}

inline std::string ImageOf(const std::vector<RowTerms>& rows) {
  TermIndexBuilder builder("test");
  for (const RowTerms& row : rows) builder.Add(row);
  return *builder.Build();
}

inline std::span<const std::byte> BytesOf(std::string_view image) {
  return std::as_bytes(std::span(image.data(), image.size()));
}

}  // namespace kith::index

#endif  // KITH_TESTS_INDEX_TERMS_CORPUS_H_
