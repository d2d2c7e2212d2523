#include "client/cpp/batch_builder.h"

#include <utility>

namespace kith::client {

size_t BatchBuilder::SizeOf(const v1::DocumentInput& document) {
  // The document, its tag and its length (a varint of at most 5 bytes).
  return document.ByteSizeLong() + 6;
}

bool BatchBuilder::Fits(const v1::DocumentInput& document, size_t max_documents) const {
  if (empty()) return true;
  if (size() >= max_documents || bytes_ + SizeOf(document) > max_bytes_) return false;
  return document.id().empty() || !ids_.contains(document.id());
}

void BatchBuilder::Add(v1::DocumentInput document, uint64_t tag) {
  bytes_ += SizeOf(document);
  if (!document.id().empty()) ids_.insert(document.id());
  *request_.mutable_batch()->add_documents() = std::move(document);
  tags_.push_back(tag);
}

std::pair<v1::IngestDocumentsRequest, std::vector<uint64_t>> BatchBuilder::Take() {
  std::pair<v1::IngestDocumentsRequest, std::vector<uint64_t>> batch(std::move(request_),
                                                                     std::move(tags_));
  request_.Clear();
  tags_.clear();
  ids_.clear();
  bytes_ = 0;
  return batch;
}

}  // namespace kith::client
