// Searches as callers ask for them, and their answers.

#ifndef KITH_SERVER_ENGINE_SEARCH_H_
#define KITH_SERVER_ENGINE_SEARCH_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/document.h"
#include "server/engine/schema.h"

namespace kith::engine {

struct TextQuery {
  std::string text;
};
struct VectorQuery {
  std::vector<float> values;
};
struct DocumentQuery {
  std::string id;
};
using Query = std::variant<TextQuery, VectorQuery, DocumentQuery>;

struct SearchSelector {
  bool text = true;
  bool metadata = true;
  bool vectors = false;
};

struct SearchRequest {
  Query query = {};
  int64_t limit = 10;
  int64_t offset = 0;
  SearchSelector select = {};
  bool group_by_document = false;
  int64_t passages_per_group = 3;
  bool exact = false;
  Truncation truncation = Truncation::kEnd;
};

struct ScoredPassage {
  Passage passage;
  std::string text;
  float score = 0;
  float distance = 0;
  std::vector<float> vector;
};

struct SearchHit {
  std::string document_id;
  std::string etag;
  Metadata metadata;
  std::vector<ScoredPassage> passages;  // best first; one, unless grouped by document
};

enum class Strategy { kExactScan, kCodeScan };

struct SearchAnswer {
  std::vector<SearchHit> hits;
  Strategy strategy = Strategy::kExactScan;
  bool exhausted = false;  // fewer than limit + offset hits exist
  Metric metric = Metric::kCosine;
  uint64_t encoded_tokens = 0;
  bool query_truncated = false;
  uint64_t code_distances = 0;
  uint64_t exact_distances = 0;
  CommitToken token;
};

// All of a batch see one View; all are answered or none.
using SearchDone = std::function<void(absl::StatusOr<std::vector<SearchAnswer>>)>;

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCH_H_
