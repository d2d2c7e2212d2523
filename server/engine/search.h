// Searches as callers ask for them, and their answers.

#ifndef KITH_SERVER_ENGINE_SEARCH_H_
#define KITH_SERVER_ENGINE_SEARCH_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "index/metadata/filter.h"
#include "server/engine/document.h"
#include "server/engine/encoders.h"
#include "server/engine/query.h"
#include "server/engine/schema.h"

namespace kith::engine {

using Query =
    std::variant<TextQuery, VectorQuery, DocumentQuery, LexicalQuery, HybridQuery, RecommendQuery>;

inline constexpr double kDefaultTargetRecall = 0.95;
inline constexpr double kTargetRecallMin = 0.5;
inline constexpr int64_t kEfMax = 16'384;

// --- How it is answered.

struct SearchSelector {
  bool text = true;
  bool metadata = true;
  bool vectors = false;
  std::vector<std::string> fields = {};  // of the metadata, these alone; empty: all
};

// What a hit is.
struct GroupBy {
  enum class Kind {
    kPassage,
    kDocument,  // a document, with its best passages
    kField,     // all documents with the same keyword in a field, with their best
                // passages
  };
  Kind kind = Kind::kPassage;
  std::string field = {};  // of kField: holds keywords, one a document; others are in no group
};

// Hits that are not all alike: maximal marginal relevance (Carbonell & Goldstein 1998). Hits are
// taken one by one out of the `pool` best; next is always that with the largest
//
//   lambda * relevance - (1 - lambda) * similarity to the hit taken that it is
//   most similar to
//
// where relevance is the score, scaled so that the pool's best is 1 and its worst is 0, and
// similarity is the cosine, at least 0, of the hits' best passages.
struct Diversify {
  double lambda = 0.5;  // 0..1; 1: by score alone
  int64_t pool = 100;   // at least limit + offset, at most kDiversifyPoolMax
};
inline constexpr int64_t kDiversifyPoolMax = 1000;

// The best hits, judged once more by a cross-encoder that reads the question and each passage, its
// headings before it as when it was encoded. Every passage that comes with a hit is judged, and the
// best one counts. What has no text follows as it was.
struct Rerank {
  CrossEncoderRef model;
  int64_t depth = 50;  // hits that are judged; at least limit + offset
  // The question; empty: the text of the query, of a hybrid one the first that it has.
  std::string query = {};
  bool raw_scores = false;  // logits, not 0..1
  Truncation truncation = Truncation::kEnd;
};

struct SearchRequest {
  Query query = {};
  std::optional<index::Filter> filter = {};  // absent: all documents
  int64_t limit = 10;
  int64_t offset = 0;
  SearchSelector select = {};
  GroupBy group_by = {};
  int64_t passages_per_group = 3;
  std::optional<Diversify> diversify = {};
  std::optional<Rerank> rerank = {};     // not together with `diversify`
  std::optional<double> score_min = {};  // only hits that score at least this
  // How good the answer must be: at most one of the three.
  bool exact = false;                        // scan all vectors
  std::optional<double> target_recall = {};  // 0.5 .. 1; absent: kDefaultTargetRecall
  std::optional<int64_t> ef = {};            // 1 .. kEfMax candidates of each graph
  Truncation truncation = Truncation::kEnd;
  bool explain = false;
};

// --- The answer.

// What a cross-encoder says of a passage.
struct RerankScore {
  float score = 0;
  uint32_t former_rank = 0;  // of the hit, from 1; of a group's passage: in its group
  uint32_t dropped_tokens = 0;
};

struct ScoredPassage {
  std::string document_id;
  Passage passage;
  std::string text;
  float score = 0;
  std::optional<float> distance = {};  // of what was asked by vectors alone
  std::vector<PartScore> parts = {};   // of a hybrid query: one a part
  std::vector<float> vector = {};
  std::optional<RerankScore> rerank = {};  // if it was judged
  // Of its document, while a group of several documents may be ordered anew; else empty.
  std::string etag = {};
  Metadata metadata = {};
};

struct SearchHit {
  // Of the best passage.
  std::string document_id;
  std::string etag;
  Metadata metadata;
  std::string group;  // grouped by a field: what it holds
  // Best first; one, unless grouped. Grouped by a field, they may be of several documents.
  std::vector<ScoredPassage> passages;
  uint32_t former_rank = 0;  // from 1; 0: nothing was judged again
};

enum class Strategy {
  kExactScan,      // all vectors
  kCodeScan,       // all codes, the best rescored on the vectors
  kGraph,          // graphs were walked (and what none covers was scanned by code), the
                   // best rescored
  kFilteredScan,   // what the filter lets through, by code, the best rescored
  kFilteredGraph,  // graphs were walked within what the filter lets through, the best rescored
  kPostings,       // words were looked up; no vectors were compared
};

// How a search was done: its steps one after the other, each with the time from the end of the one
// before to its own end. So they add up to the total.
struct Explanation {
  struct Stage {
    std::string name;    // a word: "encode", "search", "fetch"
    std::string detail;  // what was decided, for people; may be empty
    int64_t nanoseconds = 0;
    std::vector<std::pair<std::string, uint64_t>> counts = {};
  };
  std::vector<Stage> stages;
  int64_t nanoseconds = 0;
};

struct SearchAnswer {
  std::vector<SearchHit> hits;
  Strategy strategy = Strategy::kExactScan;
  bool exhausted = false;  // fewer than limit + offset hits exist
  Metric metric = Metric::kCosine;
  uint64_t encoded_tokens = 0;  // of the query's texts
  uint64_t dropped_tokens = 0;  // that were cut off
  bool query_truncated = false;
  uint32_t cached_texts = 0;     // of the query, whose embeddings were still there
  uint64_t code_distances = 0;   // of codes that were scanned
  uint64_t graph_distances = 0;  // of codes that walks met
  uint64_t exact_distances = 0;  // of vectors: rescored candidates, or all
  uint64_t postings = 0;         // of the query's words: read, or looked for
  // What the cross-encoder read and did not read.
  uint32_t reranked_passages = 0;
  uint64_t rerank_tokens = 0, rerank_dropped_tokens = 0;
  CommitToken token;
  std::optional<Explanation> explanation;  // if it was asked for
};

// All of a batch see one View; all are answered or none.
using SearchDone = std::function<void(absl::StatusOr<std::vector<SearchAnswer>>)>;

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCH_H_
