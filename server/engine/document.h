// Documents as the engine's callers write and read them: plain values, free of protobuf.

#ifndef KITH_SERVER_ENGINE_DOCUMENT_H_
#define KITH_SERVER_ENGINE_DOCUMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "index/metadata/metadata_row.h"

namespace kith::engine {

// Metadata is what the index takes, as it is.
using index::FieldType;
using index::MetadataValue;
using index::Timestamp;
using Metadata = index::MetadataRow;

// A vector and where it came from.
struct OwnVector {
  std::vector<float> values;
  std::string fingerprint;  // of the encoder that made it; empty if none is claimed
};

struct DocumentInput {
  std::string id;    // empty: the engine makes a ULID
  std::string text;  // may be empty only beside a vector
  std::optional<OwnVector> vector;
  Metadata metadata;
  std::string if_match;
  std::string if_none_match;
};

struct Passage {
  uint32_t index = 0;
  uint64_t begin = 0, end = 0;  // bytes of the text
  std::string heading_path = {};
  uint32_t token_count = 0;
};

// Which parts of a document to read.
struct DocumentSelector {
  bool text = false;
  bool metadata = false;
  bool passages = false;
  bool vectors = false;
};

struct Document {
  std::string id;
  std::string etag;
  std::string text;
  Metadata metadata;
  std::vector<Passage> passages;
  std::vector<std::vector<float>> vectors;
  Timestamp create_time, update_time;
  uint64_t text_bytes = 0;
  uint32_t passage_count = 0;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_DOCUMENT_H_
