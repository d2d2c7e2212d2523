// What a collection is: its vector space, its options, its name. Plain values, free of protobuf.

#ifndef KITH_SERVER_ENGINE_SCHEMA_H_
#define KITH_SERVER_ENGINE_SCHEMA_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "index/metric.h"
#include "server/engine/document.h"

namespace kith::engine {

using index::Metric;

enum class SplitterKind : uint8_t { kNone = 1, kSentences = 2, kMarkdown = 3 };  // never renumber
enum class Durability : uint8_t { kSynced = 1, kApplied = 2 };                   // never renumber
enum class Truncation : uint8_t { kEnd, kNever };

struct SplitterOptions {
  SplitterKind kind = SplitterKind::kMarkdown;
  uint32_t max_tokens = 256;
  uint32_t overlap_tokens = 32;
};

// How vectors are coded in sealed segments. Scores always come from the vectors themselves.
enum class Quantization : uint8_t {  // never renumber
  kAuto = 1,                         // what is fastest at equal recall
  kInt4 = 2,
  kInt8 = 3,
  kF16 = 4,
  kF32 = 5,
};

// How sealed segments are built.
struct IndexSettings {
  Quantization quantization = Quantization::kAuto;
  uint32_t m = 16;                 // edges of a node; twice as many on the lowest level: 4..64
  uint32_t ef_construction = 200;  // candidates looked at for them: 16..2000

  friend bool operator==(const IndexSettings&, const IndexSettings&) = default;
};

// How texts become terms, which lexical queries look for. Fixed when the collection is made:
// another choice would need the terms of all rows made anew.
struct TextIndexSettings {
  bool enabled = true;
  std::string language = "english";  // of index::TermAnalyser::Languages()
  bool remove_stop_words = false;

  friend bool operator==(const TextIndexSettings&, const TextIndexSettings&) = default;
};

struct CollectionOptions {
  SplitterOptions splitter = {};
  Durability default_durability = Durability::kSynced;
  TextIndexSettings text_index = {};
  // Metadata fields that are stored, but not indexed: nothing can be filtered, counted or ordered
  // by them. Ascending, each once. Fixed when the collection is made.
  std::vector<std::string> unindexed_fields = {};
};

struct VectorSpace {
  uint16_t number = 0;  // in the keys of its rows; never given twice in a collection
  std::string name = "default";
  std::string encoder;  // empty: clients bring their own vectors
  uint32_t dimension = 0;
  Metric metric = Metric::kCosine;
  IndexSettings index;
  // Of the encoder, recorded when the collection was made; empty without one.
  std::string artifact_hash;
  std::string space_hash;
  std::string query_prompt;
  std::string passage_prompt;
  // Of the encoder's values the first so many are kept (encoder::Encoder::Truncated): then it is
  // `dimension`, too. 0: all.
  uint32_t encoder_dimensions = 0;
};

// What a caller asks for when creating a collection.
struct CollectionSpec {
  std::string name = {};
  std::string description = {};
  std::optional<std::string> encoder =
      {};  // absent: the default encoder, unless a dimension is given
  uint32_t dimension = 0;
  uint32_t encoder_dimensions = 0;  // of an encoder's values keep so many; 0: all
  Metric metric = Metric::kCosine;
  CollectionOptions options = {};
  IndexSettings index = {};
  // How many passages it is meant for; over the memory budget, it is refused at once. 0: not said.
  uint64_t expected_passages = 0;
};

// A change of the encoder under way: there are two vector spaces, and writes go to both.
enum class ReembeddingState : uint8_t {  // never renumber
  kFilling = 1,  // the old space is searched, the new one gets its documents
  kCutOver = 2,  // the new one is searched, the old one is kept as it is
};
struct Reembedding {
  ReembeddingState state = ReembeddingState::kFilling;
  VectorSpace other;      // that is not searched: the new one, or after the cut-over the old one
  std::string operation;  // id of the filling
  bool commit_at_cut_over = false;
};

enum class CollectionState { kLoading, kReady, kFailed };

struct CollectionInfo {
  std::string name;
  std::string description;
  VectorSpace space;  // that is searched
  std::optional<Reembedding> reembedding = {};
  uint16_t next_space = 1;  // number of the next one
  CollectionOptions options;
  std::string etag;
  Timestamp create_time, update_time;
  CollectionState state = CollectionState::kReady;
};

// A change of a collection; absent fields stay as they are.
struct CollectionUpdate {
  std::string if_match;
  std::optional<std::string> description;
  std::optional<SplitterOptions> splitter;
  std::optional<Durability> default_durability;
  std::optional<IndexSettings> index;  // of segments that are built from then on
};

// A change of a collection's encoder, as a caller asks for it.
struct ReembedSpec {
  std::string encoder = {};  // empty: the server's default one
  std::string if_match = {};
  // The old space goes at the cut-over: nothing can be rolled back then, and no write goes to two
  // spaces any longer than it must.
  bool commit_at_cut_over = false;
};

// Names a commit; see kith.v1.CommitToken.
struct CommitToken {
  std::string shard;
  uint64_t epoch = 0;
  uint64_t sequence = 0;
};

struct CollectionStats {
  uint64_t documents = 0, passages = 0, text_bytes = 0;
  uint32_t segments = 0;
  uint64_t deleted_rows = 0;
  uint64_t index_memory_bytes = 0, disk_bytes = 0;
  CommitToken commit_token;
  uint64_t history_hash = 0;
  std::map<std::string, FieldType> fields;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SCHEMA_H_
