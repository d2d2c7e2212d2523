// BatchBuilder: gathers documents into the next batch of an ingestion stream. A batch ends before
// it would hold too many documents, too many bytes, or the same id twice (which the server
// refuses).
//
// Not thread-safe; used by IngestStream.

#ifndef KITH_CLIENT_CPP_BATCH_BUILDER_H_
#define KITH_CLIENT_CPP_BATCH_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "kith/v1/document_service.pb.h"

namespace kith::client {

class BatchBuilder {
 public:
  explicit BatchBuilder(size_t max_bytes) : max_bytes_(max_bytes) {}

  bool empty() const { return tags_.empty(); }
  size_t size() const { return tags_.size(); }

  // Whether `document` still fits beside what is gathered. An empty builder takes any.
  bool Fits(const v1::DocumentInput& document, size_t max_documents) const;
  void Add(v1::DocumentInput document, uint64_t tag);

  // The batch, with number 0, and the tags of its documents; the builder is empty afterwards.
  std::pair<v1::IngestDocumentsRequest, std::vector<uint64_t>> Take();

  // Bytes that a document takes in a batch's message.
  static size_t SizeOf(const v1::DocumentInput& document);

 private:
  const size_t max_bytes_;
  v1::IngestDocumentsRequest request_;
  std::vector<uint64_t> tags_;
  std::unordered_set<std::string> ids_;
  size_t bytes_ = 0;
};

}  // namespace kith::client

#endif  // KITH_CLIENT_CPP_BATCH_BUILDER_H_
