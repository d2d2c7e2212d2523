#include "server/engine/searching/leaves.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "index/vector_check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/document_reader.h"
#include "server/engine/records.h"
#include "server/engine/validate.h"

namespace kith::engine {
namespace {

// Passages of a document that ask, when it is the query.
constexpr uint64_t kAskingPassagesMax = 16;

class LeafCollector {
 public:
  void operator()(const TextQuery& query) { leaves_.push_back({field_, &query}); }
  void operator()(const VectorQuery& query) {
    leaves_.push_back({field_, &query, {query.values, {}}});
  }
  void operator()(const DocumentQuery& query) { leaves_.push_back({field_, &query}); }
  void operator()(const LexicalQuery& query) { leaves_.push_back({field_, &query}); }
  void operator()(const HybridQuery& query) { AddEach(query.parts, "query.hybrid.parts"); }
  void operator()(const RecommendQuery& query) {
    AddEach(query.positive, "query.recommend.positive");
    AddEach(query.negative, "query.recommend.negative");
  }

  std::vector<Leaf> Take() { return std::move(leaves_); }

 private:
  template <typename Item>
  void AddEach(const std::vector<Item>& items, const char* list) {
    for (size_t i = 0; i < items.size(); ++i) {
      field_ = fmt::format("{}[{}]", list, i);
      std::visit(*this, items[i]);
    }
  }

  std::string field_ = "query";
  std::vector<Leaf> leaves_;
};

}  // namespace

std::vector<Leaf> LeavesOf(const Query& query) {
  LeafCollector collector;
  std::visit(collector, query);
  return collector.Take();
}

absl::Status ValidateLeaf(const Leaf& leaf, const VectorSpace& space, const Limits& limits) {
  if (leaf.lexical() != nullptr) {
    return InField(InField(ValidateText(leaf.given_text(), limits), "lexical"), leaf.field);
  }
  if (leaf.text() != nullptr) {
    return InField(ValidateText(leaf.given_text(), limits), leaf.field);
  }
  if (const DocumentQuery* document = leaf.document()) {
    return InField(ValidateDocumentId(document->id, limits), leaf.field);
  }
  return InField(
      InField(index::ValidateVector(leaf.vectors.values, space.metric, space.dimension), "vector"),
      leaf.field);
}

absl::StatusOr<QueryVectors> VectorsOfDocument(const storage::Reader& reader,
                                               const SpaceIdentity& shard, const std::string& id,
                                               const std::string& field) {
  KITH_ASSIGN_OR_RETURN(const auto record, reader.GetDocument(shard.shard, id));
  if (!record) {
    return Error(absl::StatusCode::kNotFound, reason::kDocumentNotFound,
                 "the document {} does not exist", Quoted(id))
        .Field(field + ".document_id");
  }
  KITH_RETURN_IF_ERROR(CheckDocumentRecord(id, *record, shard.space));
  const store::PassageRange& range = *RangeIn(*record, shard.space);
  const std::vector<uint64_t> ordinals = OrdinalsFrom(
      range.first_ordinal(), std::min<uint64_t>(range.passage_count(), kAskingPassagesMax));
  KITH_ASSIGN_OR_RETURN(const auto vectors, ReadVectors(reader, shard, ordinals));
  QueryVectors query;
  for (const std::vector<float>& vector : vectors) {
    query.values.insert(query.values.end(), vector.begin(), vector.end());
  }
  query.exclude.push_back({range.first_ordinal(), range.first_ordinal() + range.passage_count()});
  return query;
}

}  // namespace kith::engine
