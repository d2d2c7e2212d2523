// Documents for the tests of index/: passages with vectors, words and metadata, made at random; and
// a plain model of what an index of them must show.

#ifndef KITH_TESTS_INDEX_DOCUMENTS_H_
#define KITH_TESTS_INDEX_DOCUMENTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "index/metadata/metadata_row.h"
#include "index/terms/row_terms.h"
#include "tests/index/data.h"

namespace kith::index {

class DocumentMaker {
 public:
  explicit DocumentMaker(uint64_t seed) : random_(seed) {}

  std::vector<std::string> Words() {
    std::vector<std::string> words(random_() % 9);
    for (std::string& word : words) word = "w" + std::to_string(random_() % 30);
    return words;
  }

  // Up to four fields of fixed types. Lists are in order and hold each value once, as indexes have
  // them.
  MetadataRow Metadata() {
    static constexpr std::string_view kLanguages[] = {"de", "en", "fr", "tr"};
    MetadataRow row;
    if (random_() % 3 != 0) row["language"] = std::string(kLanguages[random_() % 4]);
    if (random_() % 2 == 0) row["year"] = static_cast<int64_t>(1990 + random_() % 40);
    if (random_() % 3 == 0) row["weight"] = static_cast<double>(random_() % 1000) / 8;
    if (random_() % 3 == 0) {
      const int first = static_cast<int>(random_() % 5);
      row["tags"] = std::vector<std::string>{"t" + std::to_string(first),
                                             "t" + std::to_string(first + 1 + random_() % 3)};
    }
    return row;
  }

  std::mt19937_64& random() { return random_; }

 private:
  std::mt19937_64 random_;
};

inline RowTerms TermsOf(const std::vector<std::string>& words) {
  return RowTerms::Of(std::vector<std::string_view>(words.begin(), words.end()));
}

// A live row.
struct ModelRow {
  uint32_t passage_index = 0;
  std::vector<std::string> words;
  std::shared_ptr<const MetadataRow> metadata;
};
using Model = std::map<uint64_t, ModelRow>;  // by ordinal

}  // namespace kith::index

#endif  // KITH_TESTS_INDEX_DOCUMENTS_H_
