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
#include "server/engine/query.h"
#include "server/engine/schema.h"

namespace kith::engine {

using Query = std::variant<TextQuery, VectorQuery, DocumentQuery>;

inline constexpr double kDefaultTargetRecall = 0.95;
inline constexpr double kTargetRecallMin = 0.5;
inline constexpr int64_t kEfMax = 16'384;

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
  // How good the answer must be: at most one of the three.
  bool exact = false;                        // scan all vectors
  std::optional<double> target_recall = {};  // 0.5 .. 1; absent: kDefaultTargetRecall
  std::optional<int64_t> ef = {};            // 1 .. kEfMax candidates of each graph
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

enum class Strategy {
  kExactScan,  // all vectors
  kCodeScan,   // all codes, the best rescored on the vectors
  kGraph,      // graphs were walked (and what none covers was scanned by code), the best rescored
};

struct SearchAnswer {
  std::vector<SearchHit> hits;
  Strategy strategy = Strategy::kExactScan;
  bool exhausted = false;  // fewer than limit + offset hits exist
  Metric metric = Metric::kCosine;
  uint64_t encoded_tokens = 0;
  bool query_truncated = false;
  uint64_t code_distances = 0;   // of codes that were scanned
  uint64_t graph_distances = 0;  // of codes that walks met
  uint64_t exact_distances = 0;  // of vectors: rescored candidates, or all
  CommitToken token;
};

// All of a batch see one View; all are answered or none.
using SearchDone = std::function<void(absl::StatusOr<std::vector<SearchAnswer>>)>;

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCH_H_
